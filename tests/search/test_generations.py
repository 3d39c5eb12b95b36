"""The quality of nodes by the workflows that made them."""

from collections.abc import Sequence

from registry.search.generations import Generations
from registry.search.index import Generation
from tests.search.nodes import ask, index_of, node


def test_a_generation_that_ends_later_is_looked_up_again() -> None:
    """Not at each look, but after half a minute; what is known is not asked for again."""
    now, ended, asked = 0.0, {"w-1": Generation(0.9, True)}, list[list[str]]()

    def look_up(workflows: Sequence[str]) -> dict[str, Generation]:
        asked.append(list(workflows))
        return {workflow: ended[workflow] for workflow in workflows if workflow in ended}

    index = index_of(*(node(f"n-{number}", metadata={"workflow_id": f"w-{number}"}) for number in (1, 2)))
    generations = Generations(look_up, lambda: now)
    generations.tell(index)
    now = 20.0
    generations.tell(index)
    ended["w-2"] = Generation(0.5, False)
    generations.tell(index)
    assert {hit.document.node_id: hit.quality_score for hit in ask(index).hits} == {"n-1": 0.9, "n-2": None}
    now = 40.0
    generations.tell(index)
    assert {hit.document.node_id: hit.quality_score for hit in ask(index).hits} == {"n-1": 0.9, "n-2": 0.5}
    assert asked == [["w-1", "w-2"], ["w-2"]]
    assert [hit.document.node_id for hit in ask(index, quality_score_min=0.6).hits] == ["n-1"]
