"""Read events from a file of JSON lines, to publish them as they are."""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from ingest.kinds import EVENT_TYPES, EventKind
from ingest.producer import Outgoing
from omninode.errors import BadInput

#: Fields that only one contract has tell the kind of an event that does not say it.
_TELLING = {
    EventKind.STAGE_COMPLETED: {"stage_name", "stage_number", "duration_ms", "tokens_consumed"},
    EventKind.FAILED: {"failed_stage", "error_message", "error_code", "partial_duration_seconds"},
    EventKind.COMPLETED: {"total_duration_seconds", "quality_score"},
}


def read_file(path: Path) -> Iterator[Outgoing]:
    """Yield one message a line, blank lines left out. Lines that are no events are published all the same:

    ingest refuses them with a reason, and nothing disappears on the way.
    """
    try:
        with path.open("rb") as file:
            for line in file:
                value = line.strip()
                if value:
                    yield outgoing(value)
    except OSError as error:
        raise BadInput(f"{path}: {error.strerror}; name a file of JSON lines, one event a line") from error


def outgoing(value: bytes) -> Outgoing:
    """Pick topic and key of an event.

    >>> outgoing(b'{"workflow_id":"7","failed_stage":"validation"}').kind
    <EventKind.FAILED: 'failed'>
    """
    payload = _payload(value)
    workflow = payload.get("workflow_id")
    key = workflow.encode("utf-8", "replace") if isinstance(workflow, str) else None
    return Outgoing(_kind(payload), key, value)


def _payload(value: bytes) -> dict[str, Any]:
    try:
        payload = json.loads(value)
    except (ValueError, RecursionError):
        return {}
    return payload if isinstance(payload, dict) else {}


def _kind(payload: dict[str, Any]) -> EventKind:
    event_type = payload.get("event_type")
    if event_type is not None:
        # A kind that nobody knows is refused by its own word, in whichever topic it stands.
        return EVENT_TYPES.get(str(event_type), EventKind.STARTED)
    return next((kind for kind, fields in _TELLING.items() if fields & payload.keys()), EventKind.STARTED)
