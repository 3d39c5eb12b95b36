"""Workflows that stayed in a state for a known time."""

from collections.abc import Iterable, Mapping
from datetime import UTC, datetime, timedelta
from uuid import UUID, uuid4

from pipelines.lifecycle.configuration import guides_configuration
from pipelines.lifecycle.rules import RuleSet
from sql.lifecycle_rows import Command, NewWorkflow
from sql.lifecycle_store import LifecycleStore
from tests.lifecycle import ALL_FLAGS

NOON = datetime(2025, 10, 24, 12, tzinfo=UTC)
_RULES = RuleSet(guides_configuration())


def stand(store: LifecycleStore, state: str, count: int = 1) -> list[UUID]:
    """Begin workflows in a state at noon."""
    ids = [uuid4() for _ in range(count)]
    assert all(store.begin([NewWorkflow(workflow_id, state, at=NOON) for workflow_id in ids]))
    return ids


def stay(store: LifecycleStore, state: str, seconds: Iterable[float], step: tuple[str, str]) -> None:
    """Let a workflow for each of these times stand in a state from noon on, and leave it by this step."""
    ruling, times = _RULES.rule(*step, ALL_FLAGS), list(seconds)
    commands = [
        Command(workflow_id, uuid4(), ruling, at=NOON + timedelta(seconds=time))
        for workflow_id, time in zip(stand(store, state, len(times)), times, strict=True)
    ]
    assert all(outcome.accepted for outcome in store.apply(commands))


def refuse(
    store: LifecycleStore, workflow_id: UUID, step: tuple[str, str], flags: Mapping[str, bool], minutes: float
) -> None:
    """Ask for a step that is refused, so long after noon."""
    at = NOON + timedelta(minutes=minutes)
    (outcome,) = store.apply([Command(workflow_id, uuid4(), _RULES.rule(*step, flags), at=at)])
    assert not outcome.accepted


__all__ = ["NOON", "refuse", "stand", "stay"]
