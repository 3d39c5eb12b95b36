"""The guide's tracker: where every workflow stands, and how it got there."""

import asyncio
import weakref
from collections.abc import Callable, Mapping, Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path
from types import TracebackType
from typing import Any, Self
from uuid import UUID

from omninode.environment import read_settings
from omninode.errors import BadInput
from omninode.settings import Settings
from pipelines.lifecycle.backend import Backend, InMemory, InPostgres
from pipelines.lifecycle.commands import (
    Transition,
    checked_metadata,
    checked_text,
    command_of,
    in_parts,
    workflow_uuid,
)
from pipelines.lifecycle.configuration import FSMConfiguration, guides_configuration
from pipelines.lifecycle.rules import RuleSet
from pipelines.lifecycle.tracker_reports import TrackerReports
from sql.lifecycle_rows import ModelStateTransition, ModelWorkflowState, NewWorkflow


def _utc_now() -> datetime:
    return datetime.now(UTC)


class FSMStateTracker(TrackerReports):
    """Moves workflows through the states of a machine, and keeps every attempt to move one.

    Without persistence it keeps them in memory. With it they are in Postgres, shared with every other process: each
    transition is judged and made in one step under the row's lock. Without settings, the environment and the embedded
    server are used, from the first call until `close` or the end of the process.

    >>> async def example() -> tuple[bool, str | None]:
    ...     tracker, workflow_id = FSMStateTracker(), UUID("3398727c-4860-5937-ad53-09dc1c9e8025")
    ...     await tracker.initialize_workflow(workflow_id)
    ...     return await tracker.transition_state(workflow_id, "ANALYZING", "START_ANALYSIS")
    >>> asyncio.run(example())
    (False, 'Guard condition failed: PENDING → ANALYZING needs has_requirements')
    """

    def __init__(
        self,
        config: FSMConfiguration | None = None,
        enable_postgres_persistence: bool = False,
        *,
        settings: Settings | None = None,
        clock: Callable[[], datetime] | None = None,
    ) -> None:
        """Take a machine, the guide's by default. Times are the store's own clock, or `clock` if one is given."""
        self.configuration = config or guides_configuration()
        self._rules = RuleSet(self.configuration)
        self._clock = clock
        self._backend: Backend
        if enable_postgres_persistence:
            self._backend = InPostgres(settings or read_settings(Path.cwd()))
        else:
            self._backend = InMemory(clock or _utc_now)
        self._finalizer = weakref.finalize(self, self._backend.close)

    async def initialize_workflow(
        self,
        workflow_id: UUID | str,
        initial_state: str | None = None,
        metadata: Mapping[str, Any] | None = None,
        *,
        correlation_id: str | None = None,
    ) -> bool:
        """Begin a workflow, and tell whether it is new: one that is there, or archived, stays as it is.

        Without `initial_state` it begins where the machine begins. Raises `BadInput` for a state that is none or
        terminal, and for what is no id or cannot be kept.
        """
        state = self.configuration.require_state(initial_state or self.configuration.initial_state)
        if self.configuration.is_terminal(state):
            raise BadInput(f"initial_state: {state} is terminal; begin in a state from which something can happen")
        new = NewWorkflow(
            workflow_uuid(workflow_id),
            state,
            checked_metadata(metadata),
            checked_text(correlation_id, "correlation_id"),
            self._now(),
        )
        (is_new,) = await self._backend.read(lambda store: store.begin([new]))
        return is_new

    async def transition_state(
        self,
        workflow_id: UUID | str,
        to_state: str,
        event: str,
        metadata: Mapping[str, Any] | None = None,
        *,
        idempotency_key: str | None = None,
        correlation_id: str | None = None,
        reason: str | None = None,
    ) -> tuple[bool, str | None]:
        """Move a workflow, and return (True, None), or (False, why not). Both are durable when this returns.

        The reason begins "Invalid transition", "Wrong event", "Guard condition failed" or "Unknown workflow". A call
        with an `idempotency_key` that the workflow has seen moves nothing, and returns what it returned then. An
        archived workflow comes back from the lake first, whole.
        Raises `BadInput` for what cannot be kept, what a guard function raises, and the errors of the database.
        """
        asked = Transition(workflow_id, to_state, event, metadata, idempotency_key, correlation_id, reason)
        outcome = await self._backend.move(command_of(asked, self._rules, self._now()))
        return outcome.accepted, outcome.error

    async def transition_many(self, transitions: Sequence[Transition]) -> list[tuple[bool, str | None]]:
        """Make many transitions in one transaction, and return what became of each.

        Those that are refused do not stop the others. Several of one workflow are made in the order given.
        """
        asked = in_parts(transitions, self._rules, self._now())
        outcomes = await self._backend.move_parts(asked.parts)
        answers = dict(zip(asked.order, outcomes, strict=True))
        return [(answers[place].accepted, answers[place].error) for place in range(len(answers))]

    async def initialize_many(
        self, workflow_ids: Sequence[UUID | str], metadata: Mapping[str, Any] | None = None
    ) -> list[bool]:
        """Begin many workflows where the machine begins, and tell of each whether it is new."""
        state, said, now = self.configuration.initial_state, checked_metadata(metadata), self._now()
        new = [NewWorkflow(workflow_uuid(workflow_id), state, said, None, now) for workflow_id in workflow_ids]
        return await self._backend.read(lambda store: store.begin(new))

    async def get_workflow_state(self, workflow_id: UUID | str) -> ModelWorkflowState | None:
        """Return where a workflow stands, or None if there is no such workflow."""
        found = workflow_uuid(workflow_id)
        return await self._backend.read(lambda store: store.get(found))

    async def get_transition_history(
        self, workflow_id: UUID | str, *, include_rejected: bool = False
    ) -> list[ModelStateTransition]:
        """Return the transitions of a workflow, oldest first; those that were refused as well if asked for."""
        found = workflow_uuid(workflow_id)
        history = await self._backend.read(lambda store: store.history(found))
        return [transition for transition in history if transition.accepted or include_rejected]

    async def is_terminal_state(self, workflow_id: UUID | str) -> bool:
        """Tell whether a workflow is at its end. A name of a state is taken as the state. Unknown workflows are not."""
        if workflow_id in self.configuration.states:
            return self.configuration.is_terminal(str(workflow_id))
        found = await self.get_workflow_state(workflow_id)
        return found is not None and found.is_terminal

    async def get_active_workflows_by_state(self, state: str) -> list[UUID]:
        """Return the workflows that stand in a state, the longest first; none if the state is terminal."""
        asked = self.configuration.require_state(state)
        found = await self._backend.read(lambda store: store.list_workflows(state=asked, is_active=True))
        return [workflow.workflow_id for workflow in found]

    async def find_workflows(
        self, *, state: str | None = None, correlation_id: str | None = None, limit: int | None = None
    ) -> list[ModelWorkflowState]:
        """Return workflows by state, by a correlation id that was ever given with them, or all.

        By correlation id archived ones are found as well: `archived_at` tells since when they lie in the lake.
        """
        asked = None if state is None else self.configuration.require_state(state)
        return await self._backend.read(
            lambda store: store.list_workflows(state=asked, correlation_id=correlation_id, limit=limit)
        )

    async def cleanup_terminal_workflows(self, older_than_hours: float = 24) -> int:
        """Remove the workflows that have been at their end for longer, and return how many.

        From Postgres they go into the lake first, with their whole history: see `pipelines.lifecycle.archive`. They
        come back when somebody speaks of them again.
        """
        if older_than_hours < 0:
            raise BadInput(f"older_than_hours: {older_than_hours} is negative; give 0 or more")
        before = (self._now() or _utc_now()) - timedelta(hours=older_than_hours)
        return await self._backend.clean_up(before)

    async def get_metrics(self) -> dict[str, Any]:
        """Return counts made from the state itself: transitions made and refused, workflows, and those by state."""
        return await self._backend.metrics()

    async def close(self) -> None:
        """Give back the database and the server. It may be called twice."""
        if self._finalizer.alive:
            await asyncio.to_thread(self._finalizer)

    async def __aenter__(self) -> Self:
        """Use it as a context manager to have it closed."""
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Close."""
        await self.close()

    def _now(self) -> datetime | None:
        return None if self._clock is None else self._clock()
