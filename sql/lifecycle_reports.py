"""What people ask about all workflows together."""

from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Any

from psycopg.rows import dict_row

from sql.lifecycle_tables import LifecycleTables
from sql.queries import query

Row = dict[str, Any]

#: A state that was left fewer times has no p99 that means anything.
LEAST_STAYS = 100


class LifecycleReports(LifecycleTables):
    """Counts, times and paths over both tables. Every method reads the whole history, unless it says otherwise."""

    def count_states(self) -> list[Row]:
        """Return workflows and transitions by current_state and is_terminal, from workflow_state_current alone."""
        return self._rows(query("count_states"))

    def count_transitions(self) -> list[Row]:
        """Return transitions by from_state, to_state and accepted, with those that were archived."""
        return self._rows(query("count_transitions"))

    def state_distribution(self, start: datetime, end: datetime, every: timedelta) -> list[Row]:
        """Return how many workflows stood in each state at start, start + every, ... up to end; no row where none."""
        return self._rows(query("state_distribution"), start=start, end=end, every=every)

    def time_in_state(self) -> list[Row]:
        """Return stays, and p50, p95, p99 and the longest in seconds, of each state that was ever left."""
        return self._rows(query("time_in_state"))

    def stuck_workflows(
        self,
        now: datetime,
        *,
        longer_than: timedelta | None = None,
        state: str | None = None,
        limit: int | None = None,
        least_stays: int = LEAST_STAYS,
    ) -> list[Row]:
        """Return active workflows that are longer in their state than a limit, those furthest over it first.

        Without `longer_than` a state's limit is the p99 of the stays in it; if it was left fewer than `least_stays`
        times, nobody is stuck in it.
        """
        seconds = None if longer_than is None else longer_than.total_seconds()
        return self._rows(
            query("stuck_workflows"), now=now, limit_seconds=seconds, state=state, limit=limit, least_stays=least_stays
        )

    def broken_histories(self) -> list[Row]:
        """Return the workflows that do not stand where their accepted transitions lead; there should be none."""
        return self._rows(query("broken_histories"))

    def illegal_paths(self) -> list[Row]:
        """Return what was refused, and how often, the most frequent first."""
        return self._rows(query("illegal_paths"))

    def retry_outcomes(self, success_state: str, terminal_states: Sequence[str]) -> list[Row]:
        """Return of each attempt how many workflows ended it, in success or not, and in how many it is open."""
        return self._rows(query("retry_outcomes"), success_state=success_state, terminal_states=list(terminal_states))

    def _rows(self, statement: str, **asked: Any) -> list[Row]:
        with self._connection() as connection, connection.cursor(row_factory=dict_row) as cursor:
            return cursor.execute(statement, asked, prepare=False).fetchall()
