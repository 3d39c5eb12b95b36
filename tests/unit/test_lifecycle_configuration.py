"""Machines in which a workflow could get lost are refused, with what is wrong and what to do."""

import pytest

from omninode.errors import BadInput
from pipelines import FSMConfiguration, FSMTransition
from pipelines.lifecycle.configuration import guides_configuration

GO, BACK = FSMTransition("A", "B", "GO"), FSMTransition("B", "A", "BACK")


@pytest.mark.parametrize(
    ("states", "initial", "terminal", "edges", "error"),
    [
        (("A", "B", "C"), "A", {"B"}, (GO,), "C cannot be reached from A"),
        (("A", "B"), "A", set(), (GO,), "there is no terminal state"),
        (("A", "B"), "A", {"B"}, (GO, FSMTransition("A", "A", "GO")), "GO in A is ambiguous, 2 transitions begin so"),
        (("A", "B"), "A", {"A", "B"}, (), "the initial state A is terminal"),
        (("A", "B"), "A", {"B"}, (GO, BACK), "B is terminal, but BACK leaves it"),
        (("A",), "A", {"B"}, (GO,), "B is used, but is none of the states"),
        (("A", "B", "A"), "A", {"B"}, (GO,), "A is named 2 times"),
        (("A", "B", "C"), "A", {"B"}, (GO, FSMTransition("A", "C", "X")), "no terminal state can be reached from C"),
        (("A", "b\n"), "A", {"b\n"}, (), "is no name"),
        (("A", "B" * 51), "A", {"B" * 51}, (), "is no name"),
    ],
)
def test_a_faulty_machine_is_refused(
    states: tuple[str, ...], initial: str, terminal: set[str], edges: tuple[FSMTransition, ...], error: str
) -> None:
    """One line that names the state or event."""
    with pytest.raises(BadInput) as raised:
        FSMConfiguration(states, initial, terminal, edges)
    assert error in str(raised.value)
    assert str(raised.value).startswith("FSMConfiguration: ")


def test_the_guides_machine() -> None:
    """Six states, four guards, failing from four of them, one way back."""
    machine = guides_configuration()
    assert len(machine.states) == 6
    assert sum(edge.guard is not None for edge in machine.transitions) == 4
    assert [edge.from_state for edge in machine.transitions if edge.to_state == "FAILED"] == list(machine.states[:4])
    assert [edge.event for edge in machine.transitions if edge.opens_attempt] == ["RETRY_WORKFLOW"]
