"""What people ask of all workflows together, as methods of the tracker."""

from collections.abc import Callable
from datetime import datetime, timedelta
from typing import TypeVar

from omninode.errors import BadInput
from pipelines.lifecycle.backend import Backend
from pipelines.lifecycle.configuration import FSMConfiguration
from pipelines.lifecycle.states import EnumWorkflowState
from sql.lifecycle_reports import LifecycleReports, Row

Found = TypeVar("Found")


class TrackerReports:
    """Reports over the tables in Postgres, by any thread and task. In memory each raises `BadInput`.

    Rows are dicts; their columns are those of the method of the same purpose in `sql.lifecycle_reports`.
    """

    configuration: FSMConfiguration
    _backend: Backend
    _clock: Callable[[], datetime] | None

    async def get_stuck_workflows(
        self, *, longer_than: timedelta | None = None, state: str | None = None, limit: int | None = None
    ) -> list[Row]:
        """Return active workflows that are longer in their state than this or, by default, than that state's p99.

        A p99 of fewer than 100 stays does not count: there it is a day. Nor does one below a minute: there it is that.
        Rows: workflow_id, current_state, attempt, state_entry_time, seconds_in_state, limit_seconds, limit_by (given,
        p99, least, otherwise), correlation_id.
        """
        asked = None if state is None else self.configuration.require_state(state)
        now = None if self._clock is None else self._clock()
        return await self._report(
            lambda reports: reports.stuck_workflows(now, longer_than=longer_than, state=asked, limit=limit)
        )

    async def get_time_in_state(self) -> list[Row]:
        """Return of each state that was ever left how long workflows stayed in it.

        Rows: state, stays, timed_stays (those whose length is known), p50_seconds, p95_seconds, p99_seconds,
        max_seconds (null without any), p95_is_weak, p99_is_weak (fewer than 20, 100 timed stays).
        """
        return await self._report(LifecycleReports.time_in_state)

    async def get_state_distribution(self, start: datetime, end: datetime, every: timedelta) -> list[Row]:
        """Return how many workflows stood in each state of the machine at start, start + every, ... up to end.

        Rows: instant, state, workflows; 0 where none stood in it.
        """
        if every <= timedelta(0):
            raise BadInput(f"every: {every} is not positive; give the time between two instants")
        states = list(self.configuration.states)
        return await self._report(lambda reports: reports.state_distribution(start, end, every, states))

    async def get_rejected_transitions(self) -> list[Row]:
        """Return what was refused by path and by whom it was asked for, and how often, the most frequent first.

        Rows: from_state, to_state, event, source, conflict, guard_met, refused, workflows, first_at, last_at,
        last_workflow_id.
        """
        return await self._report(LifecycleReports.illegal_paths)

    async def get_retry_outcomes(self, success_state: str = EnumWorkflowState.COMPLETED) -> list[Row]:
        """Return of first attempts, second ones, ... how many there are, and what became of them.

        Rows: attempt, workflows, ended, succeeded, failed, open, success_rate (of those ended; null if none is).
        """
        success, terminal = self.configuration.require_state(success_state), sorted(self.configuration.terminal_states)
        return await self._report(lambda reports: reports.retry_outcomes(success, terminal))

    async def _report(self, ask: Callable[[LifecycleReports], Found]) -> Found:
        return await self._backend.report(ask)


__all__ = ["TrackerReports"]
