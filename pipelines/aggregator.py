"""The guide's aggregator: hand it events one by one, and it keeps the statistics of their windows."""

import asyncio
import weakref
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from time import monotonic
from types import TracebackType
from typing import Any, Self

from prometheus_client import CollectorRegistry

from ingest.contracts import GenerationEvent
from omninode.environment import read_settings
from omninode.errors import BadInput
from omninode.settings import Settings
from pipelines.active import ActiveWorkflows
from pipelines.event_store import EventStore, KeptEvents, StoredEvents
from pipelines.metrics import AggregatorMetrics
from pipelines.models import ModelAggregatedMetrics


def _utc_now() -> datetime:
    return datetime.now(UTC)


class CodegenMetricsAggregator:
    """Collects generation events and aggregates them by the guide's four strategies and four windows.

    Without persistence it keeps the events in memory and aggregates those. With it, a flush appends them to the lake
    and refreshes the rows in Postgres that they touch, like events that came through Kafka; without settings, the
    environment and the embedded parts are used, from the first flush until `close` or the end of the process.

    >>> async def example() -> int:
    ...     from pipelines import ModelNodeGenerationCompleted
    ...     aggregator = CodegenMetricsAggregator()
    ...     await aggregator.process_event(
    ...         ModelNodeGenerationCompleted(workflow_id="3398727c-4860-5937-ad53-09dc1c9e8025", node_type="effect")
    ...     )
    ...     return len(await aggregator.flush())
    >>> asyncio.run(example())
    16
    """

    def __init__(
        self,
        max_buffer_size: int = 10_000,
        flush_interval_seconds: float = 60,
        enable_postgres_persistence: bool = False,
        *,
        settings: Settings | None = None,
        clock: Callable[[], datetime] = _utc_now,
        registry: CollectorRegistry | None = None,
    ) -> None:
        """Flush after `max_buffer_size` events, or with the first event that comes `flush_interval_seconds` later.

        The Prometheus metrics go to `registry`. Raises `BadInput` for sizes and intervals that are not positive.
        """
        if max_buffer_size < 1 or flush_interval_seconds <= 0:
            raise BadInput("max_buffer_size and flush_interval_seconds must be greater than 0")
        self._max_buffer_size = max_buffer_size
        self._flush_interval_seconds = flush_interval_seconds
        self._clock = clock
        self._store: EventStore
        if enable_postgres_persistence:
            self._store = StoredEvents(settings or read_settings(Path.cwd()), clock)
        else:
            self._store = KeptEvents(clock)
        self._finalizer = weakref.finalize(self, self._store.close)
        self._metrics = AggregatorMetrics(registry or CollectorRegistry())
        self._buffer: list[tuple[GenerationEvent, datetime]] = []
        self._active = ActiveWorkflows()
        self._flushing = asyncio.Lock()
        self._last_flush = monotonic()
        self._counts = {
            "events_processed_total": 0,
            "aggregations_completed": 0,
            "generations_total": 0,
            "generations_successful_total": 0,
            "generations_failed_total": 0,
        }
        self._last_aggregation: tuple[float, int] = (0.0, 0)

    async def process_event(self, event: GenerationEvent) -> None:
        """Take one event. When the buffer is full or old, it is aggregated before this returns.

        Raises `BadInput` for what is not one of the four events, and what `flush` raises; the event is kept then.
        """
        if not isinstance(event, GenerationEvent):
            raise BadInput(f"{type(event).__name__} is not an event; give one of the ModelNodeGeneration... models")
        self._buffer.append((event, self._clock()))
        self._counts["events_processed_total"] += 1
        self._active.note(event)
        old = monotonic() - self._last_flush >= self._flush_interval_seconds
        if old or len(self._buffer) >= self._max_buffer_size:
            await self.flush()
        self._metrics.buffer_size.set(len(self._buffer))

    async def flush(self) -> list[ModelAggregatedMetrics]:
        """Aggregate what is buffered, and return the rows of every window that it touched.

        The work is done in a thread, so that the event loop stays free. If it fails, the events stay in the buffer.
        Raises the errors of the lake and of the database.
        """
        async with self._flushing:  # one at a time, so that no event is taken twice
            batch = list(self._buffer)
            began = monotonic()
            rows, events = await asyncio.to_thread(self._store.aggregate, batch)
            del self._buffer[: len(batch)]
            self._last_flush = monotonic()
            seconds = self._last_flush - began
        if batch:
            self._metrics.observe_events(events)
            self._metrics.observe_aggregation(seconds=seconds, events=len(batch))
            self._metrics.buffer_size.set(len(self._buffer))
            self._last_aggregation = (seconds, len(batch))
            self._counts["aggregations_completed"] += 1
            self._count_ended(events["kind"].to_list())
        return rows

    async def get_metrics(self) -> dict[str, Any]:
        """Return the aggregator's own counts: events, generations, active workflows, buffer and speed."""
        seconds, events = self._last_aggregation
        return {
            **self._counts,
            "active_workflows": len(self._active),
            "aggregation_buffer_size": len(self._buffer),
            "last_aggregation_duration_seconds": seconds,
            "aggregation_items_per_second": events / seconds if seconds else 0.0,
        }

    async def close(self) -> None:
        """Flush, and give back the database and the servers. It may be called twice."""
        if self._finalizer.alive:
            await self.flush()
            await asyncio.to_thread(self._finalizer)

    async def __aenter__(self) -> Self:
        """Use it as a context manager to have it flushed and closed."""
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Flush and close."""
        await self.close()

    def _count_ended(self, kinds: list[str]) -> None:
        completed, failed = kinds.count("completed"), kinds.count("failed")
        self._counts["generations_total"] += completed + failed
        self._counts["generations_successful_total"] += completed
        self._counts["generations_failed_total"] += failed
