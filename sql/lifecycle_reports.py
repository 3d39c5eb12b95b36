"""What people ask about all workflows together."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, cast

from psycopg.rows import dict_row

from sql.lifecycle_tables import LifecycleTables
from sql.queries import query

Row = dict[str, Any]

#: How many stays a percentile needs to say more than which the longest one was.
ENOUGH_FOR_P95, ENOUGH_FOR_P99 = 20, 100


@dataclass(frozen=True, slots=True)
class StuckRule:
    """How long is too long, where nobody sets a limit: longer than the p99 of the state's own stays."""

    #: The p99 of fewer stays than this means nothing.
    enough_stays: int = ENOUGH_FOR_P99
    #: Nobody is stuck sooner, however short the stays are: a p99 of a second would call every hundredth workflow stuck.
    least: timedelta = timedelta(minutes=1)
    #: The limit of a state that has no p99.
    otherwise: timedelta = timedelta(days=1)


_USUAL = StuckRule()


class LifecycleReports(LifecycleTables):
    """Counts, times and paths over both tables. Every method reads the whole history, unless it says otherwise."""

    def latest_entry(self) -> datetime | None:
        """Return when a workflow last came into its state, or None if there is no workflow."""
        return cast("datetime | None", self._rows(query("latest_entry"))[0]["max"])

    def count_states(self) -> list[Row]:
        """Return workflows and transitions by current_state and is_terminal, from workflow_state_current alone."""
        return self._rows(query("count_states"))

    def count_transitions(self) -> list[Row]:
        """Return transitions by from_state, to_state and accepted, with those that were archived."""
        return self._rows(query("count_transitions"))

    def state_distribution(
        self, start: datetime, end: datetime, every: timedelta, states: Sequence[str] = ()
    ) -> list[Row]:
        """Return how many workflows stood in each state at start, start + every, ... up to end, 0 where none did.

        At each instant there is a row for each of `states`, in their order, and for each other one in which a workflow
        stood up to `end`.
        """
        return self._rows(query("state_distribution"), start=start, end=end, every=every, states=list(states))

    def time_in_state(self) -> list[Row]:
        """Return of each state that was ever left how often, and p50, p95, p99 and the longest stay in seconds.

        Percentiles are over `timed_stays`, and null where there are none: the length of a stay is not known where
        events tell of its begin and its end in one instant, or where its end is taken from the next attempt.
        `p95_is_weak` and `p99_is_weak`: fewer than 20 and 100 stays are behind it.
        """
        asked = {"enough_for_p95": ENOUGH_FOR_P95, "enough_for_p99": ENOUGH_FOR_P99}
        return self._rows(query("time_in_state"), **asked)

    def stuck_workflows(
        self,
        now: datetime | None = None,
        *,
        longer_than: timedelta | None = None,
        state: str | None = None,
        limit: int | None = None,
        rule: StuckRule = _USUAL,
    ) -> list[Row]:
        """Return active workflows that are longer in their state than a limit, those furthest over it first.

        `limit_by` tells which limit counts: given (`longer_than`), p99, least or otherwise (see `StuckRule`).
        `now`: None means the server's clock. `limit`: so many rows at most.
        """
        return self._rows(
            query("stuck_workflows"),
            now=now,
            limit_seconds=None if longer_than is None else longer_than.total_seconds(),
            state=state,
            limit=limit,
            enough_for_p99=rule.enough_stays,
            least_seconds=rule.least.total_seconds(),
            otherwise_seconds=rule.otherwise.total_seconds(),
        )

    def broken_histories(self) -> list[Row]:
        """Return the workflows that do not stand where their accepted transitions lead; there should be none."""
        return self._rows(query("broken_histories"))

    def illegal_paths(self) -> list[Row]:
        """Return what was refused, how often, and of which workflow last; the most frequent first."""
        return self._rows(query("illegal_paths"))

    def retry_outcomes(self, success_state: str, terminal_states: Sequence[str]) -> list[Row]:
        """Return of first attempts, second ones, ... how many workflows reached them, and how they ended.

        An attempt is open in which nothing has happened yet, too. `success_rate` is of those that ended, or null.
        """
        return self._rows(query("retry_outcomes"), success_state=success_state, terminal_states=list(terminal_states))

    def count_retried(self, success_state: str) -> Row:
        """Return of workflows that had more than one attempt how many there are: workflows, succeeded, failed, open."""
        return self._rows(query("count_retried"), success_state=success_state)[0]

    def _rows(self, statement: str, **asked: Any) -> list[Row]:
        with self._connection() as connection, connection.cursor(row_factory=dict_row) as cursor:
            return cursor.execute(statement, asked, prepare=False).fetchall()
