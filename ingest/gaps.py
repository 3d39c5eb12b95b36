"""Messages that Kafka no longer has and the lake never got: named, with their range, and kept."""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

import polars as pl

from ingest.partition_id import PartitionId
from ingest.schema import TIMESTAMP


class GapReason(StrEnum):
    """The short codes of the `reason` column of gaps."""

    RETENTION = "retention"  # Kafka deleted the messages before they were read
    TOPIC_REPLACED = "topic_replaced"  # the topic was deleted, and perhaps made anew, before they were read
    TRUNCATED = "truncated"  # Kafka lost messages that the lake has, and gives their offsets to other ones


GAPS = pl.Schema(
    {
        "cluster": pl.String(),
        "topic": pl.String(),
        "topic_id": pl.String(),
        "partition": pl.Int32(),
        "first_offset": pl.Int64(),
        "next_offset": pl.Int64(),  # the first one after the gap
        "reason": pl.String(),
        "noticed_at": TIMESTAMP,
    }
)


@dataclass(frozen=True, slots=True)
class Gap:
    """The offsets [first_offset, next_offset) of a partition."""

    place: PartitionId
    first_offset: int
    next_offset: int
    reason: GapReason
    noticed_at: datetime

    @property
    def resume_at(self) -> int:
        """The offset to read next: behind what is gone, or where Kafka begins anew."""
        return self.first_offset if self.reason is GapReason.TRUNCATED else self.next_offset

    def __str__(self) -> str:
        count = self.next_offset - self.first_offset
        range_ = f"offsets {self.first_offset} to {self.next_offset - 1} of {self.place.topic} partition"
        return f"{range_} {self.place.partition} ({count} messages): {_STORIES[self.reason]}"


_STORIES = {
    GapReason.RETENTION: "Kafka deleted them before they were read; raise the topic's retention.ms or ingest sooner",
    GapReason.TOPIC_REPLACED: "the topic was deleted before they were read; it is read from its beginning now",
    GapReason.TRUNCATED: "Kafka lost them after they were read and gives their offsets to others; the lake has both",
}


def gap_between(place: PartitionId, wanted: int, low: int, high: int, noticed_at: datetime) -> Gap | None:
    """Say what is missing when `wanted` is to be read and Kafka has [low, high); None if it is there.

    >>> from datetime import UTC
    >>> gap_between(PartitionId("c", "t", 0), 40, 60, 100, datetime(2025, 10, 24, tzinfo=UTC)).reason
    <GapReason.RETENTION: 'retention'>
    """
    if wanted < low:
        return Gap(place, wanted, low, GapReason.RETENTION, noticed_at)
    if wanted > high:
        return Gap(place, high, wanted, GapReason.TRUNCATED, noticed_at)
    return None


def gap_rows(gaps: Iterable[Gap]) -> pl.DataFrame:
    """Return gaps as rows of `GAPS`."""
    rows = [
        {
            "cluster": gap.place.cluster,
            "topic": gap.place.topic,
            "topic_id": gap.place.topic_id or None,
            "partition": gap.place.partition,
            "first_offset": gap.first_offset,
            "next_offset": gap.next_offset,
            "reason": gap.reason.value,
            "noticed_at": gap.noticed_at,
        }
        for gap in gaps
    ]
    return pl.DataFrame(rows, schema=GAPS)
