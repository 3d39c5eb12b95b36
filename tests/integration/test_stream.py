"""The streaming process: what is published is in Postgres a moment later, also after the database was away."""

import logging
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from threading import Event, Thread
from time import monotonic, sleep
from uuid import uuid4

import pytest
from prometheus_client import CollectorRegistry, generate_latest

from ingest.decode import Decoder
from ingest.ingestor import Ingestor
from ingest.kafka import KafkaSettings
from ingest.kinds import EventKind
from ingest.lake import open_lake
from ingest.producer import Outgoing, publish
from ingest.source import KafkaSource
from pipelines.metrics import AggregatorMetrics
from pipelines.refresh import Refresher
from pipelines.stream import Stream
from sql.connection import connect, open_pool
from sql.embedded import _Keeper, embedded_postgres
from sql.metric_store import MetricStore
from sql.migrate import migrate
from tests.messages import completed
from tests.pipes import utc_now
from tests.postgres import state_folder

SOON = 60.0


@contextmanager
def streaming(kafka: KafkaSettings, lake: str, url: str, registry: CollectorRegistry) -> Iterator[Thread]:
    """Run a stream in a thread, and stop it at the end of the block."""
    stop, failures = Event(), list[BaseException]()
    source = KafkaSource(kafka, timeout_seconds=2)
    with open_pool(url, max_size=2) as pool:
        ingestor = Ingestor(source, open_lake(lake), Decoder(kafka.topics), utc_now)
        refresher = Refresher(open_lake(lake), MetricStore(pool))
        stream = Stream(ingestor, refresher, AggregatorMetrics(registry), interval_seconds=0.1, retry_seconds=0.2)

        def run() -> None:
            try:
                stream.run(stop=stop)
            except BaseException as error:  # noqa: BLE001 - handed to the test
                failures.append(error)

        thread = Thread(target=run)
        thread.start()
        try:
            yield thread
        finally:
            stop.set()
            thread.join(SOON)
            source.close()
    assert not thread.is_alive()
    if failures:
        raise failures[0]


def complete(kafka: KafkaSettings, count: int) -> None:
    """Publish so many generations that succeeded within one hour."""
    values = (completed(workflow_id=str(uuid4()), timestamp="2025-10-24T10:30:00Z") for _ in range(count))
    publish(kafka, (Outgoing(EventKind.COMPLETED, None, value) for value in values))


def wait_for_total(url: str, total: int) -> float:
    """Wait until the month has so many generations; return how many seconds that took."""
    began = monotonic()
    while monotonic() - began < SOON:
        with connect(url) as connection:
            rows = MetricStore(connection).read_metrics("monthly", "time_window")
        if rows and rows[0]["total_generations"] == total:
            return monotonic() - began
        sleep(0.02)
    raise AssertionError(f"{total} generations did not come within {SOON} s: {rows}")


def test_events_are_in_postgres_within_seconds(kafka: KafkaSettings, tmp_path: Path, database_url: str) -> None:
    """Events published while the stream runs are in the statistics seconds later, and in its metrics."""
    registry = CollectorRegistry()
    with streaming(kafka, str(tmp_path / "lake"), database_url, registry):
        complete(kafka, 10)
        wait_for_total(database_url, 10)
        complete(kafka, 5)
        assert wait_for_total(database_url, 15) < 5

    metrics = generate_latest(registry).decode()
    assert 'codegen_generations_successful_total{domain="api",node_type="effect"} 15.0' in metrics
    assert "aggregation_duration_seconds_count" in metrics


def test_what_came_while_no_stream_ran_is_caught_up(kafka: KafkaSettings, tmp_path: Path, database_url: str) -> None:
    """A stream that starts later takes up what was published, and what the one before had left unrefreshed."""
    complete(kafka, 7)
    for total in (7, 7):
        with streaming(kafka, str(tmp_path / "lake"), database_url, CollectorRegistry()):
            wait_for_total(database_url, total)


def test_stream_outlives_a_restart_of_the_database(
    kafka: KafkaSettings, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    """While the database is away ingest goes on; when it is back, the statistics catch up by themselves."""
    with state_folder() as folder, embedded_postgres(folder) as url:
        with connect(url) as connection:
            migrate(connection)
        lake, cluster = str(tmp_path / "lake"), _Keeper(folder)._cluster
        with streaming(kafka, lake, url, CollectorRegistry()), caplog.at_level(logging.WARNING, "pipelines.stream"):
            complete(kafka, 3)
            wait_for_total(url, 3)
            well, said = cluster.run("pg_ctl", "stop", "--mode=immediate", "--wait", "-D", cluster.data)
            assert well, said
            complete(kafka, 4)
            deadline = monotonic() + SOON
            while "refresh failed, trying again" not in caplog.text:
                assert monotonic() < deadline, "the stream did not notice that the database was gone"
                sleep(0.02)
            port = url.rpartition(":")[2].partition("/")[0]
            well, said = cluster.run(
                "pg_ctl", "start", "--wait", "-D", cluster.data, "-l", cluster.log, "-o", f"-p {port}"
            )
            assert well, said
            wait_for_total(url, 7)
