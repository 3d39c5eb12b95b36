"""The events that were dead letters once, told by the column `readmitted_from`: see `ingest.readmit`."""

import polars as pl

from ingest.added_columns import READMITTED_FROM
from ingest.schema import POSITION, TIMESTAMP

#: What tells one dead letter from another. Positions alone repeat: a new cluster counts its offsets from 0 again.
LETTER_KEY = ["batch_id", *POSITION]

#: How the names of the micro-batches begin that re-admit. No other's name sorts between this and the end of it.
READMITTED_BATCH = "readmitted-"
_READMITTED_BATCH_END = "readmitted."


def readmitted_events(events: pl.LazyFrame, /) -> pl.LazyFrame:
    """Those of the lake's events that were dead letters; none in a lake without the column that says so."""
    if READMITTED_FROM not in events.collect_schema():
        return events.clear().with_columns(pl.lit(None, dtype=pl.String).alias(READMITTED_FROM))
    # By the batches' names, of which each file knows the least and the greatest: few files are read.
    batch, origin = pl.col("batch_id"), pl.col(READMITTED_FROM)
    return events.filter(batch >= READMITTED_BATCH, batch < _READMITTED_BATCH_END, origin.is_not_null())


def readmitted_letters(events: pl.LazyFrame, /) -> pl.LazyFrame:
    """`LETTER_KEY` of every dead letter that is an event by now, and since when: `readmitted_at`."""
    key = [pl.col(READMITTED_FROM).alias("batch_id"), *map(pl.col, POSITION)]
    return readmitted_events(events).select(*key, pl.col("ingested_at").cast(TIMESTAMP).alias("readmitted_at"))
