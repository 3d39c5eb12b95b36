"""Events side by side by attempt: what is asked of each attempt is then asked of a run of rows, without a hash table.

One sort takes the place of group-bys and joins, which are dear where there are many groups of a few rows.
"""

from dataclasses import dataclass
from typing import TypeAlias

import numpy as np
import numpy.typing as npt
import polars as pl

Numbers: TypeAlias = npt.NDArray[np.int64]

#: To sort by a number takes a quarter of the time that sorting by the ids takes.
_NUMBER = pl.col("workflow_id").hash()


@dataclass(frozen=True, slots=True)
class Runs:
    """Events ordered by attempt, within an attempt by event time and event id. Attempts are numbered as they stand.

    The attempts of a workflow stand side by side, in their order; the order of workflows means nothing.
    """

    #: One row per event.
    events: pl.DataFrame
    #: Of each event the number of its attempt: from 0, ascending, none left out.
    attempt_of: Numbers
    #: Of each attempt the row of its first event.
    starts: Numbers

    def first(self, wanted: pl.Series) -> pl.Series:
        """Return of each attempt the row of its first wanted event; null: it has none. `wanted`: a bool per event."""
        rows = np.flatnonzero(wanted.to_numpy())
        attempts = self.attempt_of[rows]
        firsts = np.append(True, attempts[1:] != attempts[:-1])[: len(rows)]
        return self._placed(attempts[firsts], rows[firsts])

    def first_that_says(self, name: str) -> pl.Series:
        """Return of each attempt the row of its first event with a value in this column; null: it has none."""
        return self.first(self.events[name].is_not_null())

    def counts(self, wanted: pl.Series) -> pl.Series:
        """Return of each attempt how many wanted events it has."""
        return pl.Series(np.bincount(self.attempt_of[wanted.to_numpy()], minlength=len(self.starts)))

    def sums(self, name: str, wanted: pl.Series) -> pl.Series:
        """Return of each attempt the exact sum of what its wanted events say in a column; null: they say nothing."""
        said = wanted & self.events[name].is_not_null()
        attempts = self.attempt_of[said.to_numpy()]
        lasts = np.flatnonzero(np.append(attempts[1:] != attempts[:-1], True)[: len(attempts)])
        until = self.events[name].filter(said).cum_sum().gather(lasts)
        sums = until - until.shift(1).fill_null(0)
        return sums.gather(self._placed(attempts[lasts], np.arange(len(lasts))))

    def _placed(self, attempts: Numbers, values: Numbers) -> pl.Series:
        """Return the values each at its attempt's number, null elsewhere."""
        placed = np.full(len(self.starts), -1, np.int64)
        placed[attempts] = values
        series = pl.Series(placed)
        return series.set(series < 0, None)


def runs_of(events: pl.DataFrame, /, *, number: pl.Expr = _NUMBER) -> Runs:
    """Put events side by side by attempt. events: columns of the lake's events, each event once, in any order.

    number: what workflows are ordered by, the same for the events of one; where two have the same, their ids decide.
    """
    ordered = _ordered(events.rechunk(), number)  # rows are gathered ten times as fast out of one chunk
    is_new = ordered.select(~_as_before("workflow_id", "attempt")).to_series().to_numpy()
    return Runs(ordered, np.cumsum(is_new) - 1, np.flatnonzero(is_new))


def _ordered(events: pl.DataFrame, number: pl.Expr) -> pl.DataFrame:
    within = ["attempt", "event_time", "event_id"]
    ordered = _sorted_by(events, number, *within)
    ids = ordered.select("workflow_id", number=number)
    mixed = ids.select((_as_before("number") & ~_as_before("workflow_id")).any()).item()
    return _sorted_by(events, "workflow_id", *within) if mixed else ordered


def _sorted_by(events: pl.DataFrame, *keys: str | pl.Expr) -> pl.DataFrame:
    return events.select(pl.all().gather(events.select(pl.arg_sort_by(*keys)).to_series()))


def _as_before(*names: str) -> pl.Expr:
    """Whether a row has the same values as the one before it; false for the first."""
    return pl.all_horizontal((pl.col(name) == pl.col(name).shift(1)).fill_null(False) for name in names)


__all__ = ["Runs", "runs_of"]
