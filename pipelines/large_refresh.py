"""The rows of large windows: hours are computed from their events, and days, weeks and months merged from their states.

What a refresh costs then depends on the hours that changed. The first time, the states of all days are made.
"""

from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

import polars as pl

from pipelines.compute import Attempts, attempts_within, rows_from
from pipelines.dirty import Windows
from pipelines.enums import EnumWindowType
from pipelines.kept_states import KeptStates, daily, day_of, hourly, hours_of
from pipelines.mergeable import State, by_instant, merged, nothing, state_of
from pipelines.merged_rows import merged_breakdowns, merged_statistics
from pipelines.rows import metric_rows
from pipelines.sketch import ERROR
from pipelines.snapshot import Snapshot
from pipelines.windows import Window
from sql.metric_store import MetricStore
from sql.state_store import Span

_DAY = timedelta(days=1)


@dataclass(frozen=True, slots=True)
class LargeRefresh:
    """The rows of the hours and of the large windows, and the states that were made for them."""

    rows: pl.DataFrame
    states: dict[Span, State]


@dataclass(frozen=True, slots=True)
class LargeWindows:
    """Computes the rows of large windows of a snapshot; `kept` is what was read of the states before."""

    snapshot: Snapshot
    store: MetricStore
    as_of: datetime
    kept: KeptStates

    def refresh(self, hours: Iterable[datetime], windows: Windows, *, anew: bool) -> LargeRefresh:
        """Compute the rows of the hours that changed and of the large windows.

        anew: it is not known what changed, so no state that is kept is used.
        """
        dirty: dict[datetime, list[datetime]] = defaultdict(list)
        for hour in sorted(hours):
            dirty[day_of(hour)].append(hour)
        wanted = set(self._days_of(windows))
        changes = {day: dirty.get(day, []) for day in wanted}
        kept = {} if anew else self.kept.look(self.store, self.snapshot.lake_id, changes)
        rows: list[pl.DataFrame] = []
        made: dict[Span, State] = {}
        for day in sorted({*wanted, *dirty}):
            is_known = daily(day) in kept
            needed = hours_of(day) if day in wanted and not is_known else dirty.get(day, [])
            if needed:
                attempts = attempts_within(self.snapshot, _windows(needed))
                rows.append(rows_from(attempts, {EnumWindowType.HOURLY: _windows(dirty[day])}, as_of=self.as_of))
            if needed and day in wanted:
                made |= self._states(day, needed, attempts, kept)
        rows += [self._rows(over, of_type, made) for over, of_type in windows.items()]
        return LargeRefresh(pl.concat(rows), made)

    def _rows(self, over: EnumWindowType, windows: Sequence[Window], made: Mapping[Span, State]) -> pl.DataFrame:
        """Merge the rows of windows of one type from the days that were made anew and the others."""
        spans = [daily(day) for day in sorted(self._days_of({over: windows}))]
        rest = self.kept.together(over, [span for span in spans if span not in made])
        parts = [made[span] for span in spans if span in made]
        state = merged(parts if rest is None else [rest, *parts], over)
        wanted = {over: windows}
        return metric_rows(
            merged_statistics(state, wanted, of=over),
            merged_breakdowns(state, wanted, of=over),
            relative_error=ERROR,
        )

    def _states(
        self, day: datetime, hours: Sequence[datetime], attempts: Attempts, kept: Mapping[Span, State]
    ) -> dict[Span, State]:
        """Make the states of some hours of a day, and with what is kept of its others that of the day."""
        state = state_of(attempts.generations.lazy(), attempts.stages.lazy(), as_of=self.as_of)
        found = by_instant(state)
        empty = nothing(state)
        # Of an hour that is empty now, something may have been kept.
        made = {hourly(hour): found.get(hour, empty) for hour in hours}
        others = [kept[span] for span in map(hourly, hours_of(day)) if span not in made and span in kept]
        return {**made, daily(day): merged([*made.values(), *others], EnumWindowType.DAILY)}

    def _days_of(self, windows: Windows) -> Iterator[datetime]:
        """The days of the windows until the lake's last; what comes later than the last comes in a dirty hour."""
        last = self.snapshot.last_day
        for of_type in windows.values():
            for window in of_type:
                day = window.start
                while day < window.end and last is not None and day.date() <= last:
                    yield day
                    day += _DAY


def _windows(hours: Sequence[datetime]) -> list[Window]:
    return [Window(EnumWindowType.HOURLY, hour) for hour in hours]
