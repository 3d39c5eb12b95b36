"""When each message of the topics was committed in the lake, by the offsets of the commits."""

from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path
from threading import Event, Timer
from time import time
from typing import NamedTuple

import polars as pl

from ingest.decode import Decoder
from ingest.ingestor import Committed, Ingestor
from ingest.kafka import KafkaSettings
from ingest.lake import open_lake
from ingest.source import KafkaSource


class CommitTime(NamedTuple):
    """How far a commit reads in a partition, and when it was done."""

    topic: str
    partition: int
    next_offset: int
    at_ms: float


def ingest_and_note(
    settings: KafkaSettings, lake: Path, *, expected: int, begun: Path, patience_seconds: float
) -> list[CommitTime]:
    """Ingest until so many messages are committed, and note when. The first commit makes the file `begun`."""
    notes: list[CommitTime] = []
    stop, count = Event(), 0

    def note(committed: Committed) -> None:
        nonlocal count
        now = time() * 1000
        advances = committed.batch.advances
        notes.extend(CommitTime(place.topic, place.partition, to.next_offset, now) for place, to in advances.items())
        count += committed.events.height + committed.dead_letters.height
        begun.touch()
        if count >= expected:
            stop.set()

    source = KafkaSource(settings, group="bench-latency")
    ingestor = Ingestor(
        source, open_lake(str(lake)), Decoder(settings.topics), clock=lambda: datetime.now(UTC), on_commit=note
    )
    patience = Timer(patience_seconds, stop.set)
    patience.start()
    ingestor.run(stop=stop)
    patience.cancel()
    source.close()
    return notes


def latencies_ms(sent: pl.DataFrame, commits: Sequence[CommitTime]) -> pl.Series:
    """Return the time from each message's timestamp to its commit; null for those that no commit covers.

    >>> sent = pl.DataFrame({"topic": ["a", "a"], "partition": [0, 0], "offset": [4, 5], "sent_ms": [1000.0, 1010.0]})
    >>> latencies_ms(sent, [CommitTime("a", 0, 5, 1100.0), CommitTime("a", 0, 9, 1200.0)]).to_list()
    [100.0, 190.0]
    """
    done = pl.DataFrame(commits, schema=CommitTime._fields, orient="row").sort("next_offset")
    joined = (
        sent.with_columns(next_offset=pl.col("offset") + 1)
        .sort("next_offset")
        .join_asof(done, on="next_offset", by=["topic", "partition"], strategy="forward", check_sortedness=False)
    )
    return joined.select(pl.col("at_ms") - pl.col("sent_ms")).to_series()
