"""How far ingest is in each partition, and how far it is behind."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import datetime

import polars as pl

from ingest.committer import Committed
from ingest.partition_id import PartitionId


@dataclass(frozen=True, slots=True)
class PartitionLag:
    """One partition. None: not known, or there is nothing yet."""

    place: PartitionId
    #: The offset to read next, as committed in the lake.
    committed_offset: int | None
    #: The offset after the newest message in Kafka.
    high_watermark: int | None
    #: The latest time of any event of this partition in the lake.
    event_time: datetime | None
    #: The oldest offset in Kafka, where it was asked for.
    low_watermark: int | None = None

    @property
    def messages(self) -> int | None:
        """How many messages are in Kafka and not yet in the lake."""
        if self.high_watermark is None:
            return None
        first = max(self.committed_offset or 0, self.low_watermark or 0)
        return max(self.high_watermark - first, 0)

    def event_time_seconds(self, now: datetime) -> float | None:
        """How old the latest event in the lake is; while nothing is to be read, that says nothing of ingest."""
        return None if self.event_time is None else (now - self.event_time).total_seconds()


@dataclass(slots=True)
class Progress:
    """Follows the commits of an ingestor. May be read from any thread."""

    _offsets: dict[PartitionId, int | None] = field(init=False, default_factory=dict)
    _event_times: dict[tuple[str, int], datetime] = field(init=False, default_factory=dict)
    _highs: dict[PartitionId, int] = field(init=False, default_factory=dict)

    def begin(self, offsets: Mapping[PartitionId, int | None]) -> None:
        """Note where the lake ends in all partitions that are read now."""
        self._offsets = dict(offsets)

    def add(self, offsets: Mapping[PartitionId, int | None]) -> None:
        """Note where the lake ends in partitions that are read from now on, too."""
        self._offsets = {**self._offsets, **offsets}

    def remove(self, places: Iterable[PartitionId]) -> None:
        """Forget partitions that are not read any more."""
        self._offsets = {place: offset for place, offset in self._offsets.items() if place not in set(places)}

    def note(self, committed: Committed) -> None:
        """Note a micro-batch."""
        advances = committed.batch.advances
        # A commit may end after the group has given its partitions to others.
        ours = {place: advance.next_offset for place, advance in advances.items() if place in self._offsets}
        self._offsets = {**self._offsets, **ours}
        self._event_times = latest_event_times(committed.events.lazy(), self._event_times)

    def see(self, high_watermarks: Mapping[PartitionId, int]) -> None:
        """Note how far Kafka is."""
        self._highs = dict(high_watermarks)

    def lags(self) -> list[PartitionLag]:
        """Return each partition, by topic and number."""
        return [
            PartitionLag(place, offset, self._highs.get(place), self._event_times.get((place.topic, place.partition)))
            for place, offset in sorted(self._offsets.items())
        ]


def latest_event_times(
    events: pl.LazyFrame, before: Mapping[tuple[str, int], datetime] | None = None, /
) -> dict[tuple[str, int], datetime]:
    """Return the latest event time of each topic and partition, of these events and of what was known before."""
    times = dict(before or {})
    found: Iterable[tuple[str, int, datetime]] = (
        events.group_by("topic", "partition").agg(pl.col("event_time").max()).collect().iter_rows()
    )
    for topic, partition, time in found:
        key = (topic, partition)
        times[key] = max(time, times.get(key, time))
    return times
