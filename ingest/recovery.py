"""What is in the lake already when messages are read a second time.

A micro-batch is two commits, dead letters first. When a process dies between the two, the messages are read again,
perhaps by other limits or at another time: what was a dead letter may be an event then, and the other way round.
"""

import polars as pl

from ingest.schema import POSITION

_SAME_EVENT = [*POSITION, "event_id"]
_SAME_MESSAGE = [*POSITION, "kafka_time", "value"]


def events_not_in(events: pl.DataFrame, there: pl.LazyFrame, /) -> pl.DataFrame:
    """Leave out events that a table has already, from the same place. Another event in that place is another cluster's.

    Only the files of the events' days are read.
    """
    if events.is_empty():
        return events
    days = events["event_date"].unique()
    of_days = there.filter(pl.col("event_date").is_in(days.implode())).select(_SAME_EVENT)
    copies = of_days.join(events.lazy().select(_SAME_EVENT), on=_SAME_EVENT, how="semi").collect()
    return events.join(copies, on=_SAME_EVENT, how="anti", maintain_order="left")


def letters_not_in(letters: pl.DataFrame, there: pl.LazyFrame, /) -> pl.DataFrame:
    """Leave out dead letters that a table has already: the same message from the same place."""
    if letters.is_empty():
        return letters
    first, last = letters["offset"].min(), letters["offset"].max()
    copies = there.filter(pl.col("offset").is_between(first, last)).select(_SAME_MESSAGE)
    return letters.join(copies.collect(), on=_SAME_MESSAGE, how="anti", nulls_equal=True, maintain_order="left")
