"""Which windows a change of the lake touches."""

from collections.abc import Iterable, Mapping, Sequence
from datetime import date, datetime, timedelta

import polars as pl

from ingest.micro_batch import Change
from pipelines.enums import EnumWindowType
from pipelines.snapshot import HORIZON, Snapshot
from pipelines.statistics import ABANDON_AFTER
from pipelines.windows import Window, window_start, windows_over

_HOUR = timedelta(hours=1)
#: Events that decide in which window a generation counts.
_DECISIVE = ["started", "completed", "failed"]

Windows = Mapping[EnumWindowType, Sequence[Window]]


def dirty_hours(snapshot: Snapshot, changes: Sequence[Change]) -> set[datetime]:
    """Return the hours in which a workflow that these changes speak of started or ended.

    An event may say something about a generation that ended in another hour: a late stage, say, or the node type that
    the failure did not tell.
    """
    hours = {hour for change in changes for hour in change.hours}
    if not hours:
        return set()
    batches = [change.batch_id for change in changes]
    touched = (
        snapshot.events_around(sorted({hour.date() for hour in hours}))
        .filter(pl.col("event_time").is_between(min(hours), max(hours) + _HOUR), pl.col("batch_id").is_in(batches))
        .select("workflow_id")
        .unique()
    )
    decisive = snapshot.events_around(_days_around(hours)).filter(pl.col("kind").is_in(_DECISIVE))
    return _hours_of(decisive.join(touched, on="workflow_id", how="semi"))


def all_hours(snapshot: Snapshot) -> set[datetime]:
    """Return every hour in which a generation started or ended."""
    return _hours_of(snapshot.events().filter(pl.col("kind").is_in(_DECISIVE)))


def newly_abandoned_hours(before: datetime | None, now: datetime) -> set[datetime]:
    """Return the hours whose unfinished generations turned from in flight to abandoned since."""
    if before is None:
        return set()
    hour, hours = before - ABANDON_AFTER, set()
    while hour < now - ABANDON_AFTER:
        hours.add(hour)
        hour += _HOUR
    return hours


def windows_of(
    hours: Iterable[datetime], window_types: Iterable[EnumWindowType] = EnumWindowType
) -> dict[EnumWindowType, list[Window]]:
    """Return the windows of these types, by default of all four, that hold these hours.

    >>> from datetime import UTC
    >>> {name.value: len(windows) for name, windows in windows_of({datetime(2025, 1, 1, tzinfo=UTC)}).items()}
    {'hourly': 1, 'daily': 1, 'weekly': 1, 'monthly': 1}
    """
    distinct = set(hours)
    return {window_type: windows_over(distinct, window_type) for window_type in window_types}


def _hours_of(events: pl.LazyFrame) -> set[datetime]:
    hour = window_start(pl.col("event_time"), EnumWindowType.HOURLY)
    return set(events.select(hour).unique().collect().to_series().to_list())


def _days_around(hours: Iterable[datetime]) -> list[date]:
    days = {hour.date() for hour in hours}
    reach = range(-HORIZON.days, HORIZON.days + 1)
    return sorted({day + timedelta(days=count) for day in days for count in reach})
