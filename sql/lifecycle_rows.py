"""What goes into the lifecycle stores, and what comes out of them. Both stores speak in these."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from types import MappingProxyType
from typing import Any, NamedTuple
from uuid import UUID


class Verdict(NamedTuple):
    """What becomes of a transition from one state. `reason` is None where it is accepted."""

    reason: str | None
    guard_met: bool = True
    opens_attempt: bool = False


@dataclass(frozen=True, slots=True, eq=False)
class Ruling:
    """What becomes of one transition, by the state in which the workflow is found."""

    to_state: str
    event: str
    is_terminal: bool
    verdicts: Mapping[str, Verdict]


@dataclass(frozen=True, slots=True)
class NewWorkflow:
    """A workflow that begins. `at`: None means the store's own clock."""

    workflow_id: UUID
    state: str
    metadata: Mapping[str, Any] = field(default_factory=dict)
    correlation_id: str | None = None
    at: datetime | None = None


_NOTHING: Mapping[str, Any] = MappingProxyType({})


class Command(NamedTuple):
    """One transition that is asked for. A store that has seen its `transition_id` answers as it did then."""

    workflow_id: UUID
    transition_id: UUID
    ruling: Ruling
    metadata: Mapping[str, Any] = _NOTHING
    idempotency_key: str | None = None
    correlation_id: str | None = None
    #: None: the store's own clock. It never goes back behind the workflow's latest transition.
    at: datetime | None = None
    #: Why, in the caller's words; kept where the transition is accepted.
    reason: str | None = None
    #: The attempt to which it belongs; in another it is refused. None: the one in which the workflow is.
    attempt: int | None = None
    #: Of events: why others of them refuse it, whatever the rules say of it. None: they do not.
    refusal: str | None = None
    #: Of events: it is marked as a conflict even where the rules accept it.
    conflict: bool = False


class Outcome(NamedTuple):
    """What became of a command."""

    accepted: bool
    #: Why not; None where it was accepted.
    error: str | None
    #: The state in which the workflow was found; None: there is no such workflow.
    from_state: str | None
    attempt: int | None
    #: This very transition had been asked for before: the answer is that of then.
    repeated: bool = False


@dataclass(frozen=True, slots=True)
class ModelWorkflowState:
    """Where a workflow stands."""

    workflow_id: UUID
    current_state: str
    #: None: it has never moved.
    previous_state: str | None
    #: When it came into its state (UTC).
    state_entry_time: datetime
    #: Accepted transitions.
    transition_count: int
    #: What it was begun with, and what its transitions brought; the later wins. Empty in a list of archived ones.
    metadata: dict[str, Any]
    #: 1 + retries.
    attempt: int
    #: The latest; it is found by every one that it ever had.
    correlation_id: str | None
    is_terminal: bool
    #: When it began (UTC).
    created_at: datetime
    #: Who has moved it so far: api, event, or mixed.
    source: str
    #: Since when its history lies in the lake's archive; None: it is in the database.
    archived_at: datetime | None = None


@dataclass(frozen=True, slots=True)
class ModelStateTransition:
    """One transition that was made or, with `accepted` false, was refused."""

    transition_id: UUID
    workflow_id: UUID
    from_state: str
    to_state: str
    event: str
    transition_timestamp: datetime
    guard_conditions_met: bool
    #: Why it was refused; of an accepted one, what the caller said.
    reason: str | None
    metadata: dict[str, Any]
    accepted: bool
    #: It contradicts what is known of the workflow from elsewhere.
    conflict: bool
    attempt: int
    #: Which of the workflow's accepted transitions it is, from 1; None: refused.
    transition_number: int | None
    #: How long the workflow had been in `from_state`, in seconds; None: refused.
    from_state_seconds: float | None
    idempotency_key: str | None
    correlation_id: str | None
    #: api or event.
    source: str
    recorded_at: datetime


def unknown_workflow(workflow_id: UUID) -> str:
    """Say that there is no such workflow."""
    return f"Unknown workflow: {workflow_id}; begin it with initialize_workflow"


def unknown_state(state: str) -> str:
    """Say that another machine has brought the workflow into its state."""
    return f"Invalid transition: the workflow is in {state}, which is no state of this configuration"


def other_use_of_key(key: str | None) -> str:
    """Say that a key was used for two different things."""
    return f"Idempotency key {key!r} was used for another transition; use a key once"


def in_waves(commands: Sequence[Command]) -> list[list[int]]:
    """Return the places of the commands, those of one workflow in different waves, each in its order."""
    waves: list[list[int]] = []
    seen: dict[UUID, int] = {}
    for place, command in enumerate(commands):
        number = seen.get(command.workflow_id, 0)
        seen[command.workflow_id] = number + 1
        if number == len(waves):
            waves.append([])
        waves[number].append(place)
    return waves
