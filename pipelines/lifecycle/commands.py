"""What callers say, checked and made into what the stores take."""

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, NamedTuple
from uuid import UUID, uuid4, uuid5

from omninode.errors import BadInput
from pipelines.lifecycle.configuration import MAX_NAME
from pipelines.lifecycle.rules import RuleSet
from sql.lifecycle_rows import Command, Ruling

#: The namespace of transitions' ids: WORKFLOW/key/KEY of the API's that have a key, WORKFLOW/ATTEMPT/STEP of events'.
TRANSITIONS = UUID("8d5f8f0e-3c0b-5d53-9a43-6a2f2a1c9e55")
MAX_METADATA = 64 * 1024
MAX_TEXT = 255
#: So many transitions of a bulk call go together.
PART = 500


@dataclass(frozen=True, slots=True)
class Transition:
    """One transition of a bulk call: the arguments of `FSMStateTracker.transition_state`."""

    workflow_id: UUID | str
    to_state: str
    event: str
    metadata: Mapping[str, Any] | None = None
    idempotency_key: str | None = None
    correlation_id: str | None = None
    reason: str | None = None


def command_of(asked: Transition, rules: RuleSet, at: datetime | None) -> Command:
    """Check one transition and judge it for every state. Raises `BadInput`, or what a guard function raises."""
    return commands_of([asked], rules, at)[0]


def commands_of(asked: Sequence[Transition], rules: RuleSet, at: datetime | None) -> list[Command]:
    """Check many. What several share is judged once: the target, the event and one and the same object of metadata."""
    checked: dict[int, Mapping[str, Any]] = {}
    ruled: dict[tuple[str, str, int], Ruling] = {}
    commands = []
    for one in asked:
        shared = id(one.metadata)
        if shared not in checked:
            checked[shared] = checked_metadata(one.metadata)
        edge = (str(one.to_state), str(one.event), shared)
        if edge not in ruled:
            to_state, event = _name(one.to_state, "to_state"), _name(one.event, "event")
            ruled[edge] = rules.rule(to_state, event, checked[shared])
        commands.append(_command_of(one, ruled[edge], checked[shared], at))
    return commands


class Parts(NamedTuple):
    """Transitions in parts, none of which has a workflow that comes before one of an earlier part."""

    #: Each is checked and judged when it is asked for; it raises what `commands_of` raises.
    parts: Iterator[list[Command]]
    #: The places of the transitions in the order of the parts.
    order: list[int]


def in_parts(asked: Sequence[Transition], rules: RuleSet, at: datetime | None, *, size: int = PART) -> Parts:
    """Sort transitions by their workflows, those of one workflow in their order, and make commands of them by and by.

    Raises `BadInput` for what is no id.
    """
    ids = [workflow_uuid(one.workflow_id).int for one in asked]
    order = sorted(range(len(ids)), key=ids.__getitem__)
    places = (order[first : first + size] for first in range(0, len(order), size))
    return Parts((commands_of([asked[place] for place in part], rules, at) for part in places), order)


def _command_of(asked: Transition, ruling: Ruling, metadata: Mapping[str, Any], at: datetime | None) -> Command:
    workflow_id = workflow_uuid(asked.workflow_id)
    key = checked_text(asked.idempotency_key, "idempotency_key")
    return Command(
        workflow_id,
        uuid4() if key is None else uuid5(TRANSITIONS, f"{workflow_id}/key/{key}"),
        ruling,
        metadata,
        key,
        checked_text(asked.correlation_id, "correlation_id"),
        at,
        checked_text(asked.reason, "reason"),
    )


def workflow_uuid(workflow_id: UUID | str) -> UUID:
    """Return a workflow's id. Raises `BadInput` for what is none."""
    if isinstance(workflow_id, UUID):
        return workflow_id
    try:
        return UUID(workflow_id)
    except (ValueError, AttributeError, TypeError):
        raise BadInput(f"workflow_id: {str(workflow_id)[:80]!r} is no UUID; it looks like {UUID(int=0)}") from None


def checked_text(text: object, name: str) -> str | None:
    """Return a text that fits. Raises `BadInput`."""
    if text is None:
        return None
    found = str(text)
    if not found or len(found) > MAX_TEXT or "\0" in found:
        raise BadInput(f"{name}: give 1 to {MAX_TEXT} characters, none of them NUL")
    return found


def checked_metadata(metadata: Mapping[str, Any] | None) -> Mapping[str, Any]:
    """Return metadata that JSON and Postgres can hold. Raises `BadInput`."""
    if not metadata:
        return {}
    if not isinstance(metadata, Mapping):
        raise BadInput(f"metadata: {type(metadata).__name__} is no mapping; give names and values")
    try:
        text = json.dumps(metadata, allow_nan=False)
        text.encode("utf-8")
    except (TypeError, ValueError, RecursionError) as error:
        raise BadInput(f"metadata: JSON cannot hold it ({str(error)[:120]}); give texts, numbers, lists") from None
    if len(text) > MAX_METADATA or "\\u0000" in text or ("\\ud" in text and not _is_text(metadata)):
        raise BadInput(f"metadata: give at most {MAX_METADATA} characters of JSON, and no NUL or lone surrogate")
    # As it will be read back: what a caller changes later in its own objects is not in the history.
    loaded: dict[str, Any] = json.loads(text)
    return loaded


def _is_text(metadata: Mapping[str, Any]) -> bool:
    try:
        json.dumps(metadata, ensure_ascii=False).encode("utf-8")
    except UnicodeEncodeError:
        return False
    return True


def _name(name: object, argument: str) -> str:
    text = str(name)
    if not text or len(text) > MAX_NAME or not text.isprintable():
        raise BadInput(f"{argument}: {text[:80]!r} is no name; give 1 to {MAX_NAME} printable characters")
    return text
