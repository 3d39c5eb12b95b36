"""The lifecycle in memory, by the same rules as in Postgres: for tests, notebooks and machines without a database."""

from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace
from datetime import datetime
from threading import RLock
from uuid import UUID

from sql.lifecycle_rows import (
    Command,
    ModelStateTransition,
    ModelWorkflowState,
    NewWorkflow,
    Outcome,
    Verdict,
    other_use_of_key,
    unknown_state,
    unknown_workflow,
)


class MemoryStore:
    """Keeps workflows for as long as the process lasts. Any number of threads may use it."""

    def __init__(self, clock: Callable[[], datetime]) -> None:
        self._clock = clock
        self._lock = RLock()
        self._current: dict[UUID, ModelWorkflowState] = {}
        self._histories: dict[UUID, list[ModelStateTransition]] = {}
        self._transitions: dict[UUID, ModelStateTransition] = {}
        self._correlations: dict[UUID, set[str | None]] = {}
        self._made = {True: 0, False: 0}

    def begin(self, workflows: Sequence[NewWorkflow]) -> list[bool]:
        """Begin workflows, and tell of each whether it is new."""
        with self._lock:
            return [self._begin(workflow) for workflow in workflows]

    def apply(self, commands: Sequence[Command]) -> list[Outcome]:
        """Make transitions, all that can be made, in the order given."""
        with self._lock:
            return [self._apply(command) for command in commands]

    def get(self, workflow_id: UUID) -> ModelWorkflowState | None:
        """Return where a workflow stands, or None if there is no such workflow."""
        with self._lock:
            found = self._current.get(workflow_id)
            return found and replace(found, metadata=dict(found.metadata))

    def history(self, workflow_id: UUID) -> list[ModelStateTransition]:
        """Return every transition of a workflow, the refused ones as well, oldest first."""
        with self._lock:
            return list(self._histories.get(workflow_id, []))

    def list_workflows(
        self,
        *,
        state: str | None = None,
        correlation_id: str | None = None,
        is_active: bool = False,
        limit: int | None = None,
    ) -> list[ModelWorkflowState]:
        """Return workflows, the longest in their state first. None: not asked for; no limit."""
        with self._lock:
            found = [
                workflow
                for workflow in self._current.values()
                if state in (None, workflow.current_state)
                and (correlation_id is None or correlation_id in self._correlations[workflow.workflow_id])
                and not (is_active and workflow.is_terminal)
            ]
        return sorted(found, key=lambda workflow: (workflow.state_entry_time, workflow.workflow_id))[:limit]

    @contextmanager
    def old_terminal(
        self, before: datetime, *, limit: int
    ) -> Iterator[tuple[list[ModelWorkflowState], list[ModelStateTransition]]]:
        """Yield (workflows, transitions) that have been at their end since before then, and forget them afterwards."""
        with self._lock:
            old = [
                workflow
                for workflow in self._current.values()
                if workflow.is_terminal and workflow.state_entry_time < before
            ][:limit]
            yield old, [transition for workflow in old for transition in self._histories[workflow.workflow_id]]
            for workflow in old:
                del self._current[workflow.workflow_id], self._correlations[workflow.workflow_id]
                for transition in self._histories.pop(workflow.workflow_id):
                    del self._transitions[transition.transition_id]

    def counts(self) -> tuple[Counter[str], int, int, int]:
        """Return workflows by state, the active ones, and transitions made and refused since the beginning."""
        with self._lock:
            states = Counter(workflow.current_state for workflow in self._current.values())
            active = sum(not workflow.is_terminal for workflow in self._current.values())
            return states, active, self._made[True], self._made[False]

    def _begin(self, new: NewWorkflow) -> bool:
        if new.workflow_id in self._current:
            return False
        begun = new.at or self._clock()
        self._histories[new.workflow_id] = []
        self._correlations[new.workflow_id] = {new.correlation_id}
        self._current[new.workflow_id] = ModelWorkflowState(
            workflow_id=new.workflow_id,
            current_state=new.state,
            previous_state=None,
            state_entry_time=begun,
            transition_count=0,
            metadata=dict(new.metadata),
            attempt=1,
            correlation_id=new.correlation_id,
            is_terminal=False,
            created_at=begun,
            source="api",
        )
        return True

    def _apply(self, command: Command) -> Outcome:
        here = self._current.get(command.workflow_id)
        if here is None:
            return Outcome(False, unknown_workflow(command.workflow_id), None, None)
        self._correlations[here.workflow_id].add(command.correlation_id)
        earlier = self._transitions.get(command.transition_id)
        if earlier is not None:
            return _as_before(earlier, command)
        verdict = command.ruling.verdicts.get(here.current_state, Verdict(unknown_state(here.current_state)))
        made = self._transition(here, command, verdict)
        if made.accepted:
            self._current[here.workflow_id] = _moved(here, made, is_terminal=command.ruling.is_terminal)
        self._histories[here.workflow_id].append(made)
        self._transitions[made.transition_id] = made
        self._made[made.accepted] += 1
        return Outcome(made.accepted, verdict.reason, here.current_state, made.attempt)

    def _transition(self, here: ModelWorkflowState, command: Command, verdict: Verdict) -> ModelStateTransition:
        accepted = verdict.reason is None
        at = max(command.at or self._clock(), here.state_entry_time)
        return ModelStateTransition(
            transition_id=command.transition_id,
            workflow_id=here.workflow_id,
            from_state=here.current_state,
            to_state=command.ruling.to_state,
            event=command.ruling.event,
            transition_timestamp=at,
            guard_conditions_met=verdict.guard_met,
            reason=verdict.reason or command.reason,
            metadata=dict(command.metadata),
            accepted=accepted,
            conflict=False,
            attempt=here.attempt + (accepted and verdict.opens_attempt),
            transition_number=here.transition_count + 1 if accepted else None,
            from_state_seconds=(at - here.state_entry_time).total_seconds() if accepted else None,
            idempotency_key=command.idempotency_key,
            correlation_id=command.correlation_id or here.correlation_id,
            source="api",
            recorded_at=self._clock(),
        )


def _moved(here: ModelWorkflowState, made: ModelStateTransition, *, is_terminal: bool) -> ModelWorkflowState:
    return replace(
        here,
        current_state=made.to_state,
        previous_state=here.current_state,
        state_entry_time=made.transition_timestamp,
        transition_count=here.transition_count + 1,
        metadata={**here.metadata, **made.metadata},
        attempt=made.attempt,
        correlation_id=made.correlation_id,
        is_terminal=is_terminal,
    )


def _as_before(earlier: ModelStateTransition, command: Command) -> Outcome:
    if (earlier.to_state, earlier.event) != (command.ruling.to_state, command.ruling.event):
        return Outcome(False, other_use_of_key(command.idempotency_key), earlier.from_state, earlier.attempt)
    error = None if earlier.accepted else earlier.reason
    return Outcome(earlier.accepted, error, earlier.from_state, earlier.attempt, repeated=True)
