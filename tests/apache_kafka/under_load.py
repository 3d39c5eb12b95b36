"""Ingest and a producer at work, while the test does something to the brokers."""

from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from itertools import chain, count, takewhile
from threading import Event
from time import monotonic, sleep

from ingest.kafka import KafkaSettings
from ingest.producer import Outgoing
from tests.published import Published, believable
from tests.running import running_ingestor


@contextmanager
def under_load(kafka: KafkaSettings, lake: str) -> Iterator[Published]:
    """Publish at a steady pace and ingest until the end of the block; raises what goes wrong in either.

    Yields what Kafka has acknowledged so far. After the block everything that was published has been.
    """
    with publishing(kafka) as published, running_ingestor(kafka, lake):
        yield published


@contextmanager
def publishing(kafka: KafkaSettings) -> Iterator[Published]:
    """Publish at a steady pace until the end of the block; raises what goes wrong."""
    published, stop = Published(kafka), Event()
    with ThreadPoolExecutor(1) as worker:
        producer = worker.submit(published.publish, _until(stop), pause_seconds=0.1, pause_every=500)
        try:
            yield published
        finally:
            stop.set()
        producer.result(timeout=60)


def _until(stop: Event) -> Iterator[Outgoing]:
    messages = chain.from_iterable(believable(workflows=200, seed=seed) for seed in count())
    return takewhile(lambda _: not stop.is_set(), messages)


def wait_until(reached: Callable[[], bool], what: str, *, seconds: float = 30.0) -> None:
    """Wait until it is so, or fail and say what was waited for."""
    deadline = monotonic() + seconds
    while not reached():
        assert monotonic() < deadline, what
        sleep(0.02)
