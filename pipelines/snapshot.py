"""The lake as it is at one version: whatever is read from it later is the same."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import date, datetime, timedelta

import polars as pl

from ingest.lake import Lake
from pipelines.windows import Window

#: Events of one workflow are looked for this far before and after the windows that are computed.
HORIZON = timedelta(days=2)


@dataclass(frozen=True, slots=True)
class Snapshot:
    """One version of the table of events."""

    lake_id: str
    version: int
    #: The latest day of any event; None in an empty lake.
    last_day: date | None
    _events: pl.LazyFrame = field(repr=False)

    def events(self) -> pl.LazyFrame:
        """All events, one row a delivery: see `ingest.schema.EVENTS`."""
        return self._events

    def events_around(self, days: Sequence[date]) -> pl.LazyFrame:
        """The events of these days; only their files are read."""
        return self.events().filter(pl.col("event_date").is_in(list(days)))

    def latest_event_time(self) -> datetime | None:
        """The latest time of any event; None in an empty lake."""
        if self.last_day is None:
            return None
        last = self.events_around([self.last_day])
        latest: datetime = last.select(pl.col("event_time").max()).collect().item()
        return latest


def snapshot_of(lake: Lake) -> Snapshot:
    """Take the lake as it is now."""
    lake.refresh()
    reading = lake.read()
    return Snapshot(reading.lake_id, reading.version, reading.last_day, reading.events)


def days_around(windows: Sequence[Window]) -> list[date]:
    """Return the days of the windows and those within `HORIZON` of them, in order."""
    days: set[date] = set()
    for window in windows:
        first, last = (window.start - HORIZON).date(), (window.end + HORIZON).date()
        days.update(first + timedelta(days=count) for count in range((last - first).days + 1))
    return sorted(days)
