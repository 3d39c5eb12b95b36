"""The rows of large windows: hours are computed from their events, and days, weeks and months merged from their states.

What a refresh costs then depends on the hours that changed. The first time, the states of all days are made.
"""

from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, time, timedelta

import polars as pl

from ingest.micro_batch import Change
from pipelines.compute import Attempts, attempts_within, rows_from
from pipelines.dirty import Windows
from pipelines.enums import EnumWindowType
from pipelines.kept_states import KeptStates, daily, day_of, hourly, hours_of
from pipelines.mergeable import State, by_instant, merged, nothing, state_of
from pipelines.merged_rows import merged_breakdowns, merged_statistics
from pipelines.recent_hours import RecentHours
from pipelines.rows import metric_rows
from pipelines.sketch import ERROR
from pipelines.snapshot import Snapshot
from pipelines.windows import Window, windows_between
from sql.metric_store import MetricStore
from sql.state_store import Span

_DAY = timedelta(days=1)


@dataclass(frozen=True, slots=True)
class LargeRefresh:
    """The rows of the hours and of the large windows, and the states that were made for them."""

    rows: pl.DataFrame
    states: dict[Span, State]


@dataclass(frozen=True, slots=True)
class Memory:
    """What a refresher keeps from one refresh to the next. It may be empty: the rows are the same."""

    states: KeptStates = field(default_factory=KeptStates)
    hours: RecentHours = field(default_factory=RecentHours)


@dataclass(frozen=True, slots=True)
class News:
    """Everything that was committed after a version of the lake."""

    since: int
    changes: Sequence[Change]


@dataclass(frozen=True, slots=True)
class LargeWindows:
    """Computes the rows of large windows of a snapshot."""

    snapshot: Snapshot
    store: MetricStore
    as_of: datetime
    memory: Memory

    def refresh(self, hours: Iterable[datetime], windows: Windows, news: News | None) -> LargeRefresh:
        """Compute the rows of the hours that changed and of the large windows.

        news: what changed the hours; None: it is not known what changed, so no state that is kept is used.
        """
        dirty = _by_day(hours)
        wanted = self._days_of(windows)
        changes = {day: dirty.get(day, []) for day in wanted}
        kept = {} if news is None else self.memory.states.look(self.store, self.snapshot.lake_id, changes)
        rows: list[pl.DataFrame] = []
        made: dict[Span, State] = {}
        for day in sorted({*wanted, *dirty}):
            is_whole = day in wanted and daily(day) not in kept
            needed = hours_of(day) if is_whole else dirty[day]
            new: dict[Span, State] = {}
            for some, attempts in self._attempts(needed, None if is_whole else news):
                rows.append(self._hour_rows([hour for hour in some if hour in dirty[day]], attempts))
                new |= self._states(some, attempts) if day in wanted else {}
            made |= _with_day(day, new, kept) if new else {}
        self.memory.hours.note([hour for of_day in dirty.values() for hour in of_day])
        rows += [self._merged_rows(over, of_type, made) for over, of_type in windows.items()]
        return LargeRefresh(pl.concat(rows), made)

    def _attempts(self, hours: Sequence[datetime], news: News | None) -> Iterator[tuple[list[datetime], Attempts]]:
        """Yield the attempts of some hours at a time."""
        if news is not None:
            yield from self.memory.hours.attempts(self.snapshot, hours, since=news.since, news=news.changes)
        elif hours:
            yield list(hours), attempts_within(self.snapshot, _windows(hours))

    def _hour_rows(self, hours: Sequence[datetime], attempts: Attempts) -> pl.DataFrame:
        return rows_from(attempts, {EnumWindowType.HOURLY: _windows(hours)}, as_of=self.as_of)

    def _merged_rows(self, over: EnumWindowType, windows: Sequence[Window], made: Mapping[Span, State]) -> pl.DataFrame:
        """Merge the rows of windows of one type from the days that were made anew and the others."""
        spans = [daily(day) for day in sorted(self._days_of({over: windows}))]
        rest = self.memory.states.together(over, [span for span in spans if span not in made])
        parts = [made[span] for span in spans if span in made]
        state = merged(parts if rest is None else [rest, *parts], over)
        wanted = {over: windows}
        return metric_rows(
            merged_statistics(state, wanted, of=over),
            merged_breakdowns(state, wanted, of=over),
            relative_error=ERROR,
        )

    def _states(self, hours: Sequence[datetime], attempts: Attempts) -> dict[Span, State]:
        """Make the states of hours, of an empty one too: something may have been kept of it."""
        state = state_of(attempts.generations.lazy(), attempts.stages.lazy(), as_of=self.as_of)
        found, empty = by_instant(state), nothing(state)
        return {hourly(hour): found.get(hour, empty) for hour in hours}

    def _days_of(self, windows: Windows) -> set[datetime]:
        """The days of the windows until the lake's last; what comes later than the last comes in a dirty hour."""
        last = self.snapshot.last_day
        if last is None:
            return set()
        end = datetime.combine(last, time(), UTC) + _DAY
        return {
            day.start
            for of_type in windows.values()
            for window in of_type
            for day in windows_between(window.start, min(window.end, end), EnumWindowType.DAILY)
        }


def _by_day(hours: Iterable[datetime]) -> defaultdict[datetime, list[datetime]]:
    found: defaultdict[datetime, list[datetime]] = defaultdict(list)
    for hour in sorted(hours):
        found[day_of(hour)].append(hour)
    return found


def _with_day(day: datetime, new: Mapping[Span, State], kept: Mapping[Span, State]) -> dict[Span, State]:
    """Add the day's state to those of its hours that were made anew: it has the day's other hours in it, too."""
    others = [kept[span] for span in map(hourly, hours_of(day)) if span not in new and span in kept]
    return {**new, daily(day): merged([*new.values(), *others], EnumWindowType.DAILY)}


def _windows(hours: Sequence[datetime]) -> list[Window]:
    return [Window(EnumWindowType.HOURLY, hour) for hour in hours]
