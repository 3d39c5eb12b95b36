"""The two ways to read the same topics to their end: our ingest into a lake, and a loop that only consumes.

Each runs in a process of its own, so that neither warms the other up and the memory is its own.
"""

import shutil
from collections.abc import Callable
from concurrent.futures import ProcessPoolExecutor
from datetime import UTC, datetime
from functools import partial
from multiprocessing import get_context
from pathlib import Path
from threading import Event
from time import perf_counter
from typing import NamedTuple

from confluent_kafka import Consumer, TopicPartition

from ingest.decode import Decoder
from ingest.ingestor import Ingestor
from ingest.kafka import KafkaSettings
from ingest.lake import open_lake
from ingest.source import KafkaSource

_OFFSET_BEGINNING = -2
_AT_ONCE = 10_000
_WAIT_SECONDS = 0.05
#: Who needs longer has lost messages.
_PATIENCE_SECONDS = 60.0


class Reading(NamedTuple):
    """One pass over all messages."""

    seconds: float
    messages: int  # events and dead letters together, or messages that were only consumed
    dead_letters: int
    commits: int
    rss_mb: float  # the process's highest


def ingest(settings: KafkaSettings, folder: Path) -> Reading:
    """Ingest everything into a lake of its own, which is removed afterwards."""
    return _alone(partial(_ingest, settings, folder / "lake"))


def consume(settings: KafkaSettings, expected: int) -> Reading:
    """Consume so many messages, 10,000 at a time, and look at none of them."""
    return _alone(partial(_consume, settings, expected))


def _alone(work: Callable[[], Reading]) -> Reading:
    with ProcessPoolExecutor(1, mp_context=get_context("spawn")) as process:
        return process.submit(work).result()


def _ingest(settings: KafkaSettings, folder: Path) -> Reading:
    commits: list[tuple[int, int]] = []
    lake = open_lake(str(folder))
    source = KafkaSource(settings, group="bench-ingest")
    ingestor = Ingestor(
        source,
        lake,
        Decoder(settings.topics),
        clock=lambda: datetime.now(UTC),
        on_commit=lambda committed: commits.append((committed.events.height, committed.dead_letters.height)),
    )
    began = perf_counter()
    ingestor.run(stop=Event(), until_end=True)
    seconds = perf_counter() - began
    source.close()
    shutil.rmtree(folder)
    dead_letters = sum(refused for _, refused in commits)
    events = sum(accepted for accepted, _ in commits)
    return Reading(seconds, events + dead_letters, dead_letters, len(commits), _peak_rss_mb())


def _consume(settings: KafkaSettings, expected: int) -> Reading:
    # As quick as it can be: by default librdkafka pauses for a second whenever its queue has been full.
    options = settings.client(group_id="bench-consume", enable_auto_commit=False, fetch_queue_backoff_ms=10)
    consumer = Consumer(options)
    topics = consumer.list_topics(timeout=10).topics
    places = [
        TopicPartition(topic, partition, _OFFSET_BEGINNING)
        for topic in settings.topics
        for partition in topics[topic].partitions
    ]
    began = perf_counter()
    consumer.assign(places)
    count = 0
    while count < expected and perf_counter() - began < _PATIENCE_SECONDS:
        count += len(consumer.consume(_AT_ONCE, _WAIT_SECONDS))
    seconds = perf_counter() - began
    consumer.close()
    return Reading(seconds, count, 0, 0, _peak_rss_mb())


def _peak_rss_mb() -> float:
    """Read the highest resident memory; `getrusage` would tell the parent's if that was higher."""
    status = Path("/proc/self/status").read_text()
    kilobytes = next(line.split()[1] for line in status.splitlines() if line.startswith("VmHWM:"))
    return int(kilobytes) / 1024
