"""The Prometheus metrics of the aggregation, all in one place."""

from collections.abc import Iterable

import polars as pl
from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram

from pipelines.deduplicate import distinct_events

#: No more values of a label than this: a name is drawn from an open set, and Prometheus keeps a series for each.
MAX_LABEL_VALUES = 50
OTHER = "other"

_BY = ["node_type", "domain"]
_SECONDS = (0.5, 1, 2.5, 5, 10, 30, 60, 120, 300, 600, 1200, 1800, 3600, 7200)
_AGGREGATION_SECONDS = (0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60)


class AggregatorMetrics:
    """The guide's eight metrics of the aggregator.

    Counters count what this process has seen since it started; for numbers that survive restarts and do not count a
    redelivered event twice, ask the database.
    """

    def __init__(self, registry: CollectorRegistry) -> None:
        self._seen: dict[str, set[str]] = {name: set() for name in _BY}
        self.generations = Counter("codegen_generations", "Generations that ended", _BY, registry=registry)
        self.successful = Counter(
            "codegen_generations_successful", "Generations that succeeded", _BY, registry=registry
        )
        self.failed = Counter("codegen_generations_failed", "Generations that failed", _BY, registry=registry)
        self.duration = Histogram(
            "codegen_generation_duration_seconds",
            "Time that successful generations took",
            _BY,
            buckets=_SECONDS,
            registry=registry,
        )
        self.quality = Gauge(
            "codegen_quality_score",
            "Average quality, from 0 to 1, of the successful generations of the latest micro-batch that had any",
            _BY,
            registry=registry,
        )
        self.aggregation = Histogram(
            "aggregation_duration_seconds",
            "Time to bring the statistics up to date once",
            buckets=_AGGREGATION_SECONDS,
            registry=registry,
        )
        self.buffer_size = Gauge(
            "aggregation_buffer_size", "Events that wait for the next aggregation", registry=registry
        )
        self.throughput = Gauge(
            "aggregation_items_per_second", "Events per second of the latest aggregation", registry=registry
        )

    def observe_events(self, events: pl.DataFrame) -> None:
        """Count the generations that ended, from events of the lake's schema; copies of one event count once."""
        ended = distinct_events(events).filter(pl.col("kind").is_in(["completed", "failed"]))
        for labels, group in ended.group_by(_BY):
            self._observe_group(self._capped(labels), group)

    def observe_aggregation(self, *, seconds: float, events: int) -> None:
        """Note one aggregation: how long it took, and of how many events."""
        self.aggregation.observe(seconds)
        if seconds > 0:
            self.throughput.set(events / seconds)

    def _observe_group(self, labels: list[str], group: pl.DataFrame) -> None:
        completed = group.filter(pl.col("kind") == "completed")
        self.generations.labels(*labels).inc(group.height)
        self.successful.labels(*labels).inc(completed.height)
        self.failed.labels(*labels).inc(group.height - completed.height)
        histogram = self.duration.labels(*labels)
        for seconds in completed["duration_seconds"].drop_nulls():
            histogram.observe(seconds)
        quality = completed["quality_score"].mean()
        if isinstance(quality, float):
            self.quality.labels(*labels).set(quality)

    def _capped(self, values: Iterable[object]) -> list[str]:
        return [self._cap(name, str(value or "unknown")) for name, value in zip(_BY, values, strict=True)]

    def _cap(self, name: str, value: str) -> str:
        seen = self._seen[name]
        if value not in seen and len(seen) >= MAX_LABEL_VALUES:
            return OTHER
        seen.add(value)
        return value
