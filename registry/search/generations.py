"""How the generation of each node went: by its workflow, or else by what its metadata says."""

from collections.abc import Callable, Mapping, Sequence
from time import monotonic
from typing import Any

from registry.search.document import NodeDocument
from registry.search.index import Generation, SearchIndex

#: What metadata calls the workflow that generated a node.
WORKFLOW = "workflow_id"
QUALITY = "quality_score"


#: How long until workflows whose generation had not ended are looked up again, in seconds.
_PATIENCE = 30.0


class Generations:
    """Tells an index how generations went. A workflow that is not known yet is looked up again, now and then."""

    def __init__(
        self,
        lookup: Callable[[Sequence[str]], Mapping[str, Generation]] | None,
        clock: Callable[[], float] = monotonic,
    ) -> None:
        self._lookup, self._clock = lookup, clock
        self._known: dict[str, Generation] = {}
        self._waiting: dict[str, NodeDocument] = {}
        self._waiting_since = clock()

    def tell(self, index: SearchIndex) -> None:
        """Set quality and success of nodes that are new or changed since the last time, or were not known then."""
        nodes = {node.node_id: node for node in index.take_fresh()}
        self._waiting = {node_id: node for node_id, node in self._waiting.items() if node_id not in nodes}
        if self._waiting and self._clock() - self._waiting_since > _PATIENCE:
            nodes |= self._waiting
            self._waiting = {}
        if nodes:
            self._tell(index, nodes)

    def _tell(self, index: SearchIndex, nodes: Mapping[str, NodeDocument]) -> None:
        named = {node_id: node for node_id, node in nodes.items() if node.metadata.get(WORKFLOW)}
        workflows = {node_id: str(node.metadata[WORKFLOW]) for node_id, node in named.items()}
        unknown = sorted({workflow for workflow in workflows.values() if workflow not in self._known})
        if self._lookup is not None and unknown:
            self._known.update(self._lookup(unknown))
            self._waiting_since = self._clock()
            self._waiting |= {node_id: node for node_id, node in named.items() if workflows[node_id] not in self._known}
        index.set_generations({node_id: self._generation(node, workflows) for node_id, node in nodes.items()})

    def _generation(self, node: NodeDocument, workflows: Mapping[str, str]) -> Generation:
        known = self._known.get(workflows.get(node.node_id, ""))
        return known or Generation(_share(node.metadata.get(QUALITY)), None)


def _share(value: Any) -> float | None:
    """Read a quality, if it is one."""
    is_number = isinstance(value, int | float) and not isinstance(value, bool)
    return float(value) if is_number and 0 <= value <= 1 else None


__all__ = ["QUALITY", "WORKFLOW", "Generations"]
