"""Where the aggregator's events go: into memory, or into the lake and from there into Postgres."""

from collections.abc import Callable, Sequence
from contextlib import ExitStack
from datetime import datetime
from typing import Protocol
from uuid import uuid4

import polars as pl

from ingest.contracts import GenerationEvent
from ingest.errors import Fenced, LakeFailure
from ingest.lake import Lake, open_lake
from ingest.micro_batch import Advance, MicroBatch
from ingest.partition_id import PartitionId
from ingest.schema import DEAD_LETTERS, EVENTS
from omninode.settings import Settings
from pipelines.compute import attempts_of, rows_from
from pipelines.deduplicate import distinct_events
from pipelines.dirty import Windows, windows_of
from pipelines.enums import EnumAggregationType, EnumWindowType
from pipelines.event_buffer import API_TOPIC, event_rows
from pipelines.models import ModelAggregatedMetrics
from pipelines.parts import postgres
from pipelines.refresh import Refresher
from pipelines.windows import Window, window_of
from sql.connection import open_pool
from sql.metric_rows import metric
from sql.metric_store import MetricStore

Received = Sequence[tuple[GenerationEvent, datetime]]
Aggregated = tuple[list[ModelAggregatedMetrics], pl.DataFrame]


class EventStore(Protocol):
    """Takes events, and returns the rows of the windows that they touch together with the events as rows."""

    def aggregate(self, received: Received, /) -> Aggregated:
        """Take all of these events, or raise and take none."""

    def close(self) -> None:
        """Give back what was opened."""


class KeptEvents:
    """Keeps the events in memory, each once."""

    def __init__(self, clock: Callable[[], datetime]) -> None:
        self._clock = clock
        self._events = pl.DataFrame(schema=EVENTS)
        self._received = 0

    def aggregate(self, received: Received, /) -> Aggregated:
        """Add the events, and compute the windows that they touch from all that were ever added."""
        new = event_rows(received, first_offset=self._received, now=self._clock(), batch_id="memory")
        events = distinct_events(pl.concat([self._events, new]))
        rows = _rows(events, new)
        self._events, self._received = events, self._received + len(received)
        return rows, new

    def close(self) -> None:
        """Nothing was opened."""


class StoredEvents:
    """Appends the events to the lake, and refreshes what they touch in Postgres."""

    def __init__(self, settings: Settings, clock: Callable[[], datetime]) -> None:
        self._settings = settings
        self._clock = clock
        self._stack = ExitStack()
        self._opened: tuple[Lake, MetricStore] | None = None
        # Each aggregator counts its events from 0, as a Kafka cluster of its own would.
        self._place = PartitionId(f"python-{uuid4()}", API_TOPIC, 0)

    def aggregate(self, received: Received, /) -> Aggregated:
        """Commit the events, then bring Postgres up to date, and return the rows as they stand there.

        If Postgres fails after the commit, the caller gives us the same events again: their identities are the same,
        so they count once.
        """
        lake, store = self._opened or self._open()
        new = self._append(lake, received)
        report = Refresher(lake, store).refresh()
        return _read(store, report.windows), new

    def close(self) -> None:
        """Disconnect, and stop what was started for us."""
        self._opened = None
        self._stack.close()

    def _open(self) -> tuple[Lake, MetricStore]:
        with ExitStack() as stack:
            url = stack.enter_context(postgres(self._settings))
            store = MetricStore(stack.enter_context(open_pool(url, max_size=2)))
            opened = open_lake(self._settings.lake, self._settings.lake_options), store
            self._stack = stack.pop_all()
        self._opened = opened
        return opened

    def _append(self, lake: Lake, received: Received) -> pl.DataFrame:
        first = lake.next_offset(self._place)
        batch_id = f"{self._place.cluster}:{first or 0}"
        new = event_rows(received, first_offset=first or 0, now=self._clock(), batch_id=batch_id)
        if received:
            advance = Advance(first, (first or 0) + len(received))
            _append(lake, MicroBatch(batch_id, new, pl.DataFrame(schema=DEAD_LETTERS), {self._place: advance}))
        return new


def _append(lake: Lake, batch: MicroBatch) -> None:
    """Nobody else writes to our place: who is refused has not seen yet that the table has got another column.

    Who has not looked for hours knows a log of which the beginning is gone by now, and has to look first, too.
    """
    try:
        lake.append(batch)
    except (Fenced, LakeFailure):
        if lake.find(batch) is None:
            lake.append(batch)


def _rows(events: pl.DataFrame, new: pl.DataFrame) -> list[ModelAggregatedMetrics]:
    if new.is_empty():
        return []
    touched = events.join(new.select("workflow_id").unique(), on="workflow_id", how="semi")
    windows = windows_of(touched["event_time"].dt.truncate("1h").unique())
    latest = events["event_time"].max()
    assert isinstance(latest, datetime)
    as_of = window_of(latest, EnumWindowType.HOURLY).start
    rows = rows_from(attempts_of(events.lazy()), windows, as_of=as_of)
    return [ModelAggregatedMetrics.model_validate(metric(row)) for row in rows.iter_rows(named=True)]


def _read(store: MetricStore, windows: Windows) -> list[ModelAggregatedMetrics]:
    return [
        ModelAggregatedMetrics.model_validate(row)
        for window_type, wanted in windows.items()
        if wanted
        for aggregation_type in EnumAggregationType
        for row in store.read_metrics(window_type, aggregation_type, wanted[0].start, wanted[-1].end)
        if Window(window_type, row["window_start"]) in wanted
    ]
