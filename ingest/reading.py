"""A lake's events, opened for reading at one version."""

from dataclasses import dataclass
from datetime import date

import polars as pl
from deltalake import DeltaTable

from ingest.delta_table import events_url


@dataclass(frozen=True, slots=True)
class Reading:
    """The events at one version: what is committed later does not change them."""

    lake_id: str
    version: int
    events: pl.LazyFrame
    last_day: date | None


def open_reading(lake_url: str, lake_id: str, version: int, options: dict[str, str]) -> Reading:
    """Open the events as they were at a version. Raises what Delta raises if its log does not reach that far."""
    # A table object of its own: the appender's moves on with every commit. It is opened once, for all that is read.
    table = DeltaTable(events_url(lake_url), version=version, storage_options=options)
    days = [date.fromisoformat(partition["event_date"]) for partition in table.partitions()]
    return Reading(lake_id, version, pl.scan_delta(table), max(days, default=None))
