"""From the sending of an event to the row in Postgres that counts it, in a month with many generations already."""

from concurrent.futures import ProcessPoolExecutor
from contextlib import closing
from datetime import UTC, datetime, timedelta
from functools import cache, partial
from multiprocessing import get_context
from pathlib import Path
from statistics import median
from threading import Event, Timer
from time import time
from typing import NamedTuple

import polars as pl
from prometheus_client import CollectorRegistry

from ingest.broker import embedded_broker
from ingest.committer import Committed
from ingest.decode import Decoder
from ingest.ingestor import Ingestor
from ingest.kafka import KafkaSettings, ensure_topics
from ingest.lake import open_lake
from ingest.producer import publish
from ingest.source import KafkaSource
from pipelines.metrics import AggregatorMetrics
from pipelines.refresh import Refresher, RefreshReport
from pipelines.stream import Stream
from sql.connection import connect, open_pool
from sql.embedded import embedded_postgres
from sql.metric_store import MetricStore
from sql.migrate import migrate
from tests.benchmarks.commit_times import CommitTime, latencies_ms
from tests.benchmarks.guide_events import guide_events
from tests.benchmarks.harness import Benchmark, NotMeasured, Result, stopwatch
from tests.benchmarks.million import START
from tests.benchmarks.month_lake import make_month
from tests.benchmarks.sent_times import sent_times
from tests.benchmarks.steady_producer import produce_steadily
from tests.postgres import state_folder

_GENERATIONS = 50_000_000
_RATE = 10_000
_SECONDS = 300
#: The producer's events happen in the hour after `START`; the month before it is full.
_MONTH = START.replace(day=1, hour=0)
_PATIENCE_SECONDS = 1_200.0


class _Notes(NamedTuple):
    """When each commit's rows were visible, and how long the refreshes took."""

    visible: list[CommitTime]
    refresh_seconds: list[float]


def measure(folder: Path, *, generations: int = _GENERATIONS, seconds: int = _SECONDS) -> dict[float, Result]:
    """Fill the month and its rows; then let a producer and the stream run side by side. The results are by share."""
    make_month(folder / "lake", generations=generations, start=_MONTH, end=START)
    with (
        embedded_postgres(folder / "postgres") as url,
        embedded_broker(folder / "broker") as address,
        ProcessPoolExecutor(2, mp_context=get_context("spawn")) as processes,
    ):
        with connect(url) as connection, stopwatch() as elapsed:
            migrate(connection)
            Refresher(open_lake(str(folder / "lake")), MetricStore(connection)).refresh()
            first = elapsed()
        settings = KafkaSettings(address, "bench")
        ensure_topics(settings)
        warm_up = publish(settings, guide_events(workflows=100, seed=1, start=START, period=timedelta(hours=1)))
        messages, begun = warm_up + _RATE * seconds, folder / "begun"
        streaming = processes.submit(_stream, settings, folder / "lake", url, messages, begun)
        sent = processes.submit(produce_steadily, settings, rate=_RATE, seconds=seconds, ready=begun).result()
        notes = streaming.result()
        stamped = sent_times(settings, messages).filter(
            pl.col("sent_ms") > (START + timedelta(days=1)).timestamp() * 1000
        )
    latencies = latencies_ms(stamped, notes.visible) / 1000
    if latencies.null_count() or len(latencies) != sent.messages:
        raise NotMeasured(f"{latencies.null_count()} of {len(latencies)} events were in no row")
    detail = {
        "p99_s": round(float(latencies.quantile(0.99) or 0), 2),
        "events_per_s": round(sent.messages / sent.seconds),
        "producer_behind_s": round(sent.behind_seconds, 3),
        "generations_before": generations,
        "first_refresh_s": round(first, 1),
        "refreshes": len(notes.refresh_seconds),
        "refresh_p50_s": round(median(notes.refresh_seconds), 2),
    }
    return {share: Result(float(latencies.quantile(share, "higher") or 0), detail) for share in (0.5, 0.95)}


def _stream(settings: KafkaSettings, lake: Path, url: str, expected: int, begun: Path) -> _Notes:
    """Run the stream until so many messages are in rows. The first refresh makes the file `begun`."""
    waiting: list[tuple[int, CommitTime]] = []
    notes = _Notes([], [])
    stop, count = Event(), 0

    def note_commit(committed: Committed) -> None:
        nonlocal count
        waiting.extend(
            (committed.change.version, CommitTime(place.topic, place.partition, to.next_offset, 0.0))
            for place, to in committed.batch.advances.items()
        )
        count += committed.events.height + committed.dead_letters.height

    def note_refresh(report: RefreshReport) -> None:
        now = time() * 1000
        done = [each for each in list(waiting) if each[0] <= report.lake_version]
        notes.visible.extend(commit._replace(at_ms=now) for _, commit in done)
        notes.refresh_seconds.append(report.seconds)
        for each in done:
            waiting.remove(each)
        begun.touch()
        if count >= expected and not waiting:
            stop.set()

    with open_pool(url, max_size=2) as pool, closing(KafkaSource(settings, group="bench-freshness")) as source:
        clock = partial(datetime.now, UTC)
        ingestor = Ingestor(source, open_lake(str(lake)), Decoder(settings.topics), clock=clock)
        refresher = Refresher(open_lake(str(lake)), MetricStore(pool))
        metrics = AggregatorMetrics(CollectorRegistry())
        stream = Stream(ingestor, refresher, metrics, on_commit=note_commit, on_refresh=note_refresh)
        patience = Timer(_PATIENCE_SECONDS, stop.set)
        patience.start()
        stream.run(stop=stop)
        patience.cancel()
    return notes


@cache
def _measured() -> dict[float, Result]:
    """Both figures are of one run, which takes long."""
    with state_folder() as folder:
        return measure(folder)


FRESHNESS_P50 = Benchmark("freshness_p50_s", "s", 1, "lower", lambda _: _measured()[0.5])
FRESHNESS_P95 = Benchmark("freshness_p95_s", "s", 2, "lower", lambda _: _measured()[0.95])
