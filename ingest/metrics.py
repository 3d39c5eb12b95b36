"""The Prometheus metrics of ingest, all in one place."""

from collections.abc import Callable, Iterable, Iterator
from datetime import datetime

from prometheus_client import CollectorRegistry, Counter, Histogram
from prometheus_client.core import GaugeMetricFamily
from prometheus_client.registry import Collector

from ingest.committer import Committed
from ingest.progress import PartitionLag

_PLACE = ["topic", "partition"]
_ROWS = (1, 10, 100, 1_000, 5_000, 10_000, 25_000, 50_000, 100_000)


class IngestMetrics:
    """What this process has ingested since it started."""

    def __init__(self, registry: CollectorRegistry) -> None:
        self.events = Counter("ingest_events", "Events committed to the lake", ["topic"], registry=registry)
        self.dead_letters = Counter(
            "ingest_dead_letters", "Messages refused and committed to the dead letters", ["reason"], registry=registry
        )
        self.gap_messages = Counter(
            "ingest_gap_messages", "Messages that Kafka did not have any more", [*_PLACE, "reason"], registry=registry
        )
        self.batch_rows = Histogram("ingest_batch_rows", "Messages in a micro-batch", buckets=_ROWS, registry=registry)

    def observe(self, committed: Committed) -> None:
        """Count a micro-batch."""
        for counter, column, rows in (
            (self.events, "topic", committed.events),
            (self.dead_letters, "reason", committed.dead_letters),
        ):
            for value, count in rows.group_by(column).len().iter_rows():
                counter.labels(value).inc(count)
        for gap in committed.batch.gaps:
            labels = self.gap_messages.labels(gap.place.topic, str(gap.place.partition), gap.reason.value)
            labels.inc(gap.next_offset - gap.first_offset)
        self.batch_rows.observe(committed.events.height + committed.dead_letters.height)


class LagCollector(Collector):
    """The lag of each partition, looked up when Prometheus asks for it."""

    def __init__(self, lags: Callable[[], Iterable[PartitionLag]], clock: Callable[[], datetime]) -> None:
        self._lags = lags
        self._clock = clock

    def collect(self) -> Iterator[GaugeMetricFamily]:
        """Yield four gauges; what is not known has no sample."""
        now, lags = self._clock(), list(self._lags())
        yield _gauge("ingest_committed_offset", "The offset to read next", lags, lambda lag: lag.committed_offset)
        yield _gauge(
            "ingest_high_watermark", "The offset after the newest message", lags, lambda lag: lag.high_watermark
        )
        yield _gauge("ingest_lag_messages", "Messages not yet in the lake", lags, lambda lag: lag.messages)
        yield _gauge(
            "ingest_event_time_lag_seconds",
            "Age of the latest event in the lake",
            lags,
            lambda lag: lag.event_time_seconds(now),
        )


def _gauge(
    name: str, text: str, lags: Iterable[PartitionLag], value_of: Callable[[PartitionLag], float | None]
) -> GaugeMetricFamily:
    gauge = GaugeMetricFamily(name, text, labels=_PLACE)
    for lag in lags:
        value = value_of(lag)
        if value is not None:
            gauge.add_metric([lag.place.topic, str(lag.place.partition)], value)
    return gauge
