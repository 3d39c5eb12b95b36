"""What a workflow's producer tells of it, as JSON objects."""

from collections.abc import Callable, Iterator
from datetime import datetime
from random import Random
from typing import Any, NamedTuple, Protocol

from ingest.synthetic import guide_dialect, producers_dialect
from ingest.synthetic.attempts import Attempt, StageRun
from ingest.synthetic.message import Kind
from ingest.synthetic.workflows import Workflow

Payload = dict[str, Any]

EVENT_TYPES: dict[Kind, str] = {
    "started": "NODE_GENERATION_STARTED",
    "stage_completed": "NODE_GENERATION_STAGE_COMPLETED",
    "completed": "NODE_GENERATION_COMPLETED",
    "failed": "NODE_GENERATION_FAILED",
}

_CONFLICTING = 0.003
_WITH_EXTRA_FIELD = 0.005
_EXTRA_FIELDS: tuple[Payload, ...] = (
    {"reviewer": "j.doe"},
    {"build_number": 4711},
    {"labels": {"team": "platform", "tier": 2}},
    {"dry_run": False},
)


class Event(NamedTuple):
    """One event as its producer tells it."""

    kind: Kind
    time: float  # seconds after the beginning
    payload: Payload


class Dialect(Protocol):
    """A way to write the four events."""

    def envelope(self, _rng: Random, workflow: Workflow, attempt: Attempt, time: datetime, /) -> Payload:
        """What every event says."""

    def started(self, workflow: Workflow, _attempt: Attempt, /) -> Payload:
        """What STARTED adds."""

    def stage_completed(self, workflow: Workflow, run: StageRun, /) -> Payload:
        """What STAGE_COMPLETED adds."""

    def completed(self, workflow: Workflow, attempt: Attempt, /) -> Payload:
        """What COMPLETED adds."""

    def failed(self, workflow: Workflow, attempt: Attempt, /) -> Payload:
        """What FAILED adds."""


_DIALECTS: dict[str, Dialect] = {"guide": guide_dialect, "producers": producers_dialect}


def events(rng: Random, workflow: Workflow, instant: Callable[[float], datetime]) -> Iterator[Event]:
    """Yield a workflow's events, attempt by attempt; `instant` tells when a second after the beginning is."""
    dialect = _DIALECTS[workflow.habits.dialect]
    for attempt in workflow.attempts:
        for kind, time, facts in _attempt(rng, dialect, workflow, attempt):
            payload: Payload = {"event_type": EVENT_TYPES[kind]} if workflow.habits.says_type else {}
            payload |= dialect.envelope(rng, workflow, attempt, instant(time))
            payload |= facts
            if rng.random() < _WITH_EXTRA_FIELD:
                payload |= rng.choice(_EXTRA_FIELDS)
            yield Event(kind, time, payload)


def _attempt(
    rng: Random, dialect: Dialect, workflow: Workflow, attempt: Attempt
) -> Iterator[tuple[Kind, float, Payload]]:
    yield "started", attempt.started, dialect.started(workflow, attempt)
    for run in attempt.stages:
        yield "stage_completed", run.ended, dialect.stage_completed(workflow, run)
    if attempt.outcome is None:
        return
    yield attempt.outcome, attempt.ended, _terminal(dialect, attempt.outcome, workflow, attempt)
    if rng.random() < _CONFLICTING:
        kind: Kind = rng.choice(("completed", "failed"))
        later = attempt._replace(ended=attempt.ended + 1.0 + 60.0 * rng.random())
        yield kind, later.ended, _terminal(dialect, kind, workflow, later)


def _terminal(dialect: Dialect, kind: Kind, workflow: Workflow, attempt: Attempt) -> Payload:
    return dialect.completed(workflow, attempt) if kind == "completed" else dialect.failed(workflow, attempt)
