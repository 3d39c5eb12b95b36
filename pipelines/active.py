"""Which workflows are under way, from their events in any order."""

from ingest.contracts import GenerationEvent
from ingest.kinds import EventKind

_TERMINAL = {EventKind.COMPLETED, EventKind.FAILED}
#: Ends are remembered for this many workflows, so that an event which comes after the end starts nothing anew.
_REMEMBERED = 100_000


class ActiveWorkflows:
    """Counts workflows whose latest attempt has begun and not ended."""

    def __init__(self) -> None:
        self._active: dict[str, int] = {}
        self._ended: dict[str, int] = {}

    def __len__(self) -> int:
        """Return how many workflows are under way."""
        return len(self._active)

    def note(self, event: GenerationEvent) -> None:
        """Take an event into account."""
        workflow, attempt = str(event.workflow_id), event.retry_count or 0
        if event.kind in _TERMINAL:
            self._ended[workflow] = max(attempt, self._ended.pop(workflow, 0))
            if self._active.get(workflow, 0) <= attempt:
                self._active.pop(workflow, None)
            if len(self._ended) > _REMEMBERED:
                del self._ended[next(iter(self._ended))]
        elif self._ended.get(workflow, -1) < attempt:
            self._active[workflow] = max(attempt, self._active.get(workflow, 0))
