"""Hours that change at every refresh: their attempts are kept in memory, and only what comes new is looked at.

To compute an hour from the lake is to read the ids of the days around it. Of an hour that is kept it is known which
workflows have events in it, and which have events near it: so what comes new tells which few are to be computed again,
and only a workflow that enters the hour with a past is looked for in the lake.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from functools import cache

import numpy as np
import numpy.typing as npt
import polars as pl

from ingest.micro_batch import Change
from pipelines.compute import NEEDED, Attempts, attempts_within, events_within, whole_attempts
from pipelines.enums import EnumWindowType
from pipelines.snapshot import Snapshot, days_around
from pipelines.windows import Window

#: So many hours are kept, each only as long as it has no more events than that: some hundred bytes each.
_KEPT = 2
MOST_EVENTS = 4_000_000
#: Workflows are told apart by a number made of their ids. Two with the same are taken for one and the same here, and so
#: computed together; the attempts of each are still told apart by its id.
_NUMBER = "_number"
_MANY_CHUNKS = 16

Numbers = npt.NDArray[np.uint64]


@dataclass(frozen=True, slots=True)
class _Hour:
    """What is known of an hour as of a version of the lake. All frames have `_NUMBER`."""

    version: int
    #: All events of the workflows that have one in the hour, as far as the days around it hold them.
    events: pl.DataFrame
    generations: pl.DataFrame
    stages: pl.DataFrame
    #: The workflows that have events in the days around the hour, but none in it: sorted.
    others: Numbers

    def attempts(self) -> Attempts:
        return Attempts(self.generations.drop(_NUMBER), self.stages.drop(_NUMBER))


class RecentHours:
    """Returns the attempts of hours, and keeps those of the latest that changed twice in turn."""

    def __init__(self) -> None:
        self._lake_id = ""
        self._changed: set[datetime] = set()
        self._hours: dict[datetime, _Hour] = {}

    def attempts(
        self, snapshot: Snapshot, hours: Sequence[datetime], *, since: int, news: Sequence[Change]
    ) -> Iterator[tuple[list[datetime], Attempts]]:
        """Yield all hours, each together with some others or alone, and the attempts that started or ended in them.

        There may be attempts of other hours among them. news: everything that was committed after the version `since`.
        """
        if snapshot.lake_id != self._lake_id:
            self._lake_id, self._changed, self._hours = snapshot.lake_id, set(), {}

        @cache
        def came_after(version: int) -> pl.DataFrame:
            return _came(snapshot, [change for change in news if change.version > version])

        rest = []
        for hour in hours:
            known = self._hours.get(hour)
            if known is not None and known.version >= since:
                known = _updated(known, snapshot, hour, came_after(known.version))
            elif hour in self._changed:
                known = _read(snapshot, hour)
            if known is None:
                rest.append(hour)
                continue
            self._keep(hour, known)
            yield [hour], known.attempts()
        if rest:
            yield rest, attempts_within(snapshot, [_window(hour) for hour in rest])

    def note(self, hours: Sequence[datetime]) -> None:
        """Note which hours changed: those that change again next time are worth keeping."""
        self._changed = set(hours)

    def _keep(self, hour: datetime, known: _Hour) -> None:
        self._hours.pop(hour, None)
        if known.events.height <= MOST_EVENTS:
            self._hours[hour] = known
        while len(self._hours) > _KEPT:
            del self._hours[min(self._hours)]


def _window(hour: datetime) -> Window:
    return Window(EnumWindowType.HOURLY, hour)


def _read(snapshot: Snapshot, hour: datetime) -> _Hour:
    """Read all that concerns an hour, and which other workflows there are near it."""
    events = _numbered(events_within(snapshot, [_window(hour)]).collect())
    near = snapshot.events_around(days_around([_window(hour)]))
    everybody = near.select(pl.col("workflow_id").hash().unique()).collect().to_series().to_numpy()
    found = whole_attempts(snapshot, [_window(hour)], events.drop(_NUMBER).lazy())
    others = np.setdiff1d(everybody, events[_NUMBER].unique().to_numpy())
    return _Hour(snapshot.version, events, _numbered(found.generations), _numbered(found.stages), others)


def _updated(known: _Hour, snapshot: Snapshot, hour: datetime, fresh: pl.DataFrame) -> _Hour:
    """Take in the events that came since: compute the workflows anew of which they are and which concern the hour."""
    days = days_around([_window(hour)])
    ours = known.events[_NUMBER].unique()
    entering = fresh.filter(_is_in(hour))[_NUMBER].unique()
    touched = fresh.filter(pl.col(_NUMBER).is_in(pl.concat([ours, entering]).implode()))[_NUMBER].unique()
    is_touched = pl.col(_NUMBER).is_in(touched.implode())
    # What is far away makes its workflow be computed again, which looks for it where it matters.
    fresh = fresh.filter(pl.col("event_time").dt.date().is_in(days))
    with_past = touched.filter(pl.Series(np.isin(touched.to_numpy(), known.others)))
    new = pl.concat([fresh.filter(is_touched), _past(snapshot.events_around(days), fresh, with_past)])
    again = pl.concat([known.events.filter(is_touched), new]).drop(_NUMBER)
    found = whole_attempts(snapshot, [_window(hour)], again.lazy())
    others = np.union1d(known.others, fresh.filter(~is_touched)[_NUMBER].unique().to_numpy())
    return _Hour(
        snapshot.version,
        _joined([known.events, new]),
        _joined([known.generations.filter(~is_touched), _numbered(found.generations)]),
        _joined([known.stages.filter(~is_touched), _numbered(found.stages)]),
        np.setdiff1d(others, touched.to_numpy()),
    )


def _came(snapshot: Snapshot, changes: Sequence[Change]) -> pl.DataFrame:
    """Read what these changes brought."""
    days = sorted({hour.date() for change in changes for hour in change.hours})
    is_new = pl.col("batch_id").is_in([change.batch_id for change in changes])
    return _numbered(snapshot.events_around(days).filter(is_new).select(NEEDED).collect())


def _past(near: pl.LazyFrame, fresh: pl.DataFrame, numbers: pl.Series) -> pl.DataFrame:
    """Read the events of workflows that were near the hour before they came into it."""
    workflows = fresh.filter(pl.col(_NUMBER).is_in(numbers.implode()))["workflow_id"].unique()
    if workflows.is_empty():
        return fresh.clear()
    return _numbered(near.select(NEEDED).filter(pl.col("workflow_id").is_in(workflows.implode())).collect())


def _is_in(hour: datetime) -> pl.Expr:
    window = _window(hour)
    return pl.col("event_time").is_between(window.start, window.end, closed="left")


def _numbered(frame: pl.DataFrame) -> pl.DataFrame:
    return frame.with_columns(pl.col("workflow_id").hash().alias(_NUMBER))


def _joined(frames: Sequence[pl.DataFrame]) -> pl.DataFrame:
    joined = pl.concat(frames)
    return joined.rechunk() if joined.n_chunks() > _MANY_CHUNKS else joined
