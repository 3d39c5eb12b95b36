"""Look from outside how far the lake is behind Kafka; nobody needs to be ingesting."""

from collections.abc import Iterable, Sequence
from datetime import date, timedelta
from time import monotonic

import polars as pl

from ingest.kafka import KafkaSettings
from ingest.lake import Lake
from ingest.partition_id import PartitionId
from ingest.progress import PartitionLag, latest_event_times
from ingest.source import KafkaSource

#: A partition's latest event is looked for in this many days before the latest day of all.
_DAYS = 2


def measure_lag(kafka: KafkaSettings, lake: Lake, *, timeout_seconds: float = 10.0) -> list[PartitionLag]:
    """Return the lag of every partition of the four topics, by topic and number. Raises `KafkaFailure`.

    The ends are taken from fetches: some brokers tell them wrongly when they are asked for them. A partition that
    does not answer in time has an unknown end.
    """
    lake.refresh()
    source = KafkaSource(kafka, group="omninode-lag")
    try:
        offsets = {place: lake.next_offset(place) for place in source.partitions}
        source.start(offsets)
        ends = _ends(source, timeout_seconds)
        lows = _lows(source, [place for place, offset in offsets.items() if offset is None and ends.get(place)])
    finally:
        source.close()
    times = latest_event_times(_latest_events(lake))
    return [
        PartitionLag(place, offset, ends.get(place), times.get((place.topic, place.partition)), lows.get(place))
        for place, offset in sorted(offsets.items())
    ]


def _ends(source: KafkaSource, timeout_seconds: float) -> dict[PartitionId, int]:
    ends: dict[PartitionId, int] = {}
    deadline = monotonic() + timeout_seconds
    waiting: Sequence[PartitionId] = source.partitions
    while waiting and monotonic() < deadline:
        source.poll(0.05)
        # Where the offset to read next is gone there is no fetch to learn from, so ask.
        asked = {place: told[1] for place in source.not_there() if (told := source.low_and_high(place))}
        ends |= asked | source.high_watermarks()
        waiting = [place for place in source.partitions if place not in ends]
    return ends


def _lows(source: KafkaSource, unread: Iterable[PartitionId]) -> dict[PartitionId, int]:
    """Return where these begin: what Kafka has deleted of a partition that was never read is no lag."""
    return {place: told[0] for place in unread if (told := source.low_and_high(place))}


def _latest_events(lake: Lake) -> pl.LazyFrame:
    reading = lake.read()
    first = (reading.last_day or date.min + timedelta(days=_DAYS)) - timedelta(days=_DAYS)
    return reading.events.filter(pl.col("event_date") >= first)
