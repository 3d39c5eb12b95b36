"""Every event once, however often it was delivered."""

from typing import TypeVar

import polars as pl

Frame = TypeVar("Frame", pl.DataFrame, pl.LazyFrame)

#: Which of an event's copies is kept: the first in this order. Kafka's position makes it the same on every read.
ORDER = ["event_time", "ingested_at", "topic", "partition", "offset"]


def distinct_events(events: Frame, /) -> Frame:
    """Keep one row per event_id: of copies that differ, the first by `ORDER`, nulls last.

    events: columns of the lake's events, in any order of rows. The result's order of rows is not defined.
    """
    if isinstance(events, pl.DataFrame) and events["event_id"].hash().n_unique() == events.height:
        # Mostly no event came twice, and to see that is quicker than to look which did.
        return events
    # Copies are few: only they are sorted. Equal ids have equal hashes, which are compared in a third of the time.
    copied = pl.col("event_id").hash().is_duplicated()
    kept = events.filter(copied).sort(ORDER, nulls_last=True).unique("event_id", keep="first", maintain_order=True)
    return pl.concat([events.filter(~copied), kept])
