"""The lake as it is at one version: whatever is read from it later is the same."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import date, datetime, timedelta

import polars as pl

from ingest.lake import Lake
from pipelines.enums import EnumWindowType
from pipelines.windows import Window, window_of

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


def snapshot_at(lake: Lake, version: int) -> Snapshot | None:
    """Take the lake as it was at a version; None if it cannot be read any more."""
    reading = lake.read_version(version)
    if reading is None:
        return None
    return Snapshot(reading.lake_id, reading.version, reading.last_day, reading.events)


def without_batches(snapshot: Snapshot, version: int, batch_ids: Sequence[str]) -> Snapshot:
    """Take the lake as it was at an earlier version: as it is now, without the micro-batches that came later.

    A lake is only appended to: compaction moves rows, and what is re-admitted comes in a micro-batch of its own.
    """
    later = pl.LazyFrame({"batch_id": list(batch_ids)}, schema={"batch_id": pl.String()})
    events = snapshot.events().join(later, on="batch_id", how="anti")
    last_day: date | None = events.select(pl.col("event_date").max()).collect().item()
    return Snapshot(snapshot.lake_id, version, last_day, events)


def as_of_hour(snapshot: Snapshot) -> datetime | None:
    """The hour of the latest event: by the lake's own time, the same lake gives the same rows on any day."""
    latest = snapshot.latest_event_time()
    return None if latest is None else window_of(latest, EnumWindowType.HOURLY).start


def days_around(windows: Sequence[Window]) -> list[date]:
    """Return the days of the windows and those within `HORIZON` of them, in order."""
    days: set[date] = set()
    for window in windows:
        first, last = (window.start - HORIZON).date(), (window.end + HORIZON).date()
        days.update(first + timedelta(days=count) for count in range((last - first).days + 1))
    return sorted(days)
