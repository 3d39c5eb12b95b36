"""Look at the dead letters: which there are, and which of them were re-admitted since."""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime

import polars as pl

from ingest.lake import Lake
from ingest.readmitted import LETTER_KEY, readmitted_letters
from ingest.reasons import Reason
from ingest.schema import TIMESTAMP

#: What letters can be counted by.
COUNTED_BY = {"reason": pl.col("reason"), "topic": pl.col("topic"), "day": pl.col("ingested_date").cast(pl.String)}


@dataclass(frozen=True, slots=True)
class Which:
    """Which letters are meant; None means any. The times say when a letter was refused: [since, until), in UTC."""

    reason: Reason | None = None
    topic: str | None = None
    since: datetime | None = None
    until: datetime | None = None

    def conditions(self) -> Iterator[pl.Expr]:
        """Yield conditions on the letters' columns. Those on the day let a scan skip whole files."""
        if self.reason is not None:
            yield pl.col("reason") == self.reason.value
        if self.topic is not None:
            yield pl.col("topic") == self.topic
        if self.since is not None:
            yield pl.col("ingested_date") >= self.since.date()
            yield pl.col("ingested_at") >= pl.lit(self.since, dtype=TIMESTAMP)
        if self.until is not None:
            yield pl.col("ingested_date") <= self.until.date()
            yield pl.col("ingested_at") < pl.lit(self.until, dtype=TIMESTAMP)


ANY = Which()


def dead_letters(lake: Lake, which: Which = ANY) -> pl.LazyFrame:
    """The dead letters, in no order: `ingest.schema.DEAD_LETTERS` and `readmitted_at`, null where it was not.

    A letter stays in its table for good; that it was re-admitted is told by the event that it became.
    """
    lake.refresh()
    letters = lake.read_dead_letters().filter(*which.conditions())
    return letters.join(readmitted_letters(lake.read().events), on=LETTER_KEY, how="left")


def waiting_letters(lake: Lake, which: Which = ANY) -> pl.LazyFrame:
    """The dead letters that were not re-admitted, as this lake object last saw them."""
    letters = lake.read_dead_letters().filter(*which.conditions())
    return letters.join(readmitted_letters(lake.read().events), on=LETTER_KEY, how="anti")


def newest_letters(lake: Lake, which: Which = ANY, *, limit: int) -> pl.DataFrame:
    """Return so many of the dead letters that were refused last, the newest first."""
    order = ["ingested_at", "kafka_time", "offset", "partition", "topic", "batch_id"]
    return dead_letters(lake, which).sort(order, descending=True, nulls_last=True).head(limit).collect()


def count_letters(lake: Lake, by: str = "reason", which: Which = ANY) -> pl.DataFrame:
    """Count letters by a key of `COUNTED_BY`: `letters`, and of these `readmitted` and `waiting`; the most first."""
    readmitted = pl.col("readmitted_at").count()
    counts = (
        dead_letters(lake, which)
        .group_by(COUNTED_BY[by].alias(by))
        .agg(letters=pl.len(), readmitted=readmitted, waiting=pl.len() - readmitted)
    )
    return counts.sort("letters", by, descending=[True, False]).collect()
