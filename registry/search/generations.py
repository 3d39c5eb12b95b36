"""How the generation of each node went: by its workflow, or else by what its metadata says."""

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from registry.search.document import NodeDocument
from registry.search.index import Generation, SearchIndex

#: What metadata calls the workflow that generated a node.
WORKFLOW = "workflow_id"
QUALITY = "quality_score"


class Generations:
    """Tells an index how generations went, each workflow looked up until it is known."""

    def __init__(self, lookup: Callable[[Sequence[str]], Mapping[str, Generation]] | None) -> None:
        self._lookup = lookup
        self._known: dict[str, Generation] = {}

    def tell(self, index: SearchIndex) -> None:
        """Set quality and success of all nodes that are new or changed since the last time."""
        nodes = index.take_fresh()
        workflows = {node.node_id: str(node.metadata[WORKFLOW]) for node in nodes if node.metadata.get(WORKFLOW)}
        unknown = sorted({workflow for workflow in workflows.values() if workflow not in self._known})
        if self._lookup is not None and unknown:
            self._known.update(self._lookup(unknown))
        index.set_generations({node.node_id: self._generation(node, workflows) for node in nodes})

    def _generation(self, node: NodeDocument, workflows: Mapping[str, str]) -> Generation:
        known = self._known.get(workflows.get(node.node_id, ""))
        return known or Generation(_share(node.metadata.get(QUALITY)), None)


def _share(value: Any) -> float | None:
    """Read a quality, if it is one."""
    is_number = isinstance(value, int | float) and not isinstance(value, bool)
    return float(value) if is_number and 0 <= value <= 1 else None


__all__ = ["QUALITY", "WORKFLOW", "Generations"]
