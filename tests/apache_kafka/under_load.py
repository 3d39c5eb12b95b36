"""Ingest and a producer at work, while the test does something to the brokers."""

from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from itertools import chain, count, takewhile
from threading import Event
from time import monotonic, sleep

from ingest.decode import Decoder
from ingest.ingestor import Ingestor
from ingest.kafka import KafkaSettings
from ingest.lake import open_lake
from ingest.producer import Outgoing
from ingest.source import KafkaSource
from tests.pipes import utc_now
from tests.published import Published, believable


@contextmanager
def under_load(kafka: KafkaSettings, lake: str) -> Iterator[Published]:
    """Publish at a steady pace and ingest until the end of the block; raises what goes wrong in either.

    Yields what Kafka has acknowledged so far. After the block everything that was published has been.
    """
    published, stop, opened = Published(kafka), Event(), open_lake(lake)
    source = KafkaSource(kafka)
    ingestor = Ingestor(source, opened, Decoder(kafka.topics), utc_now)
    try:
        with ThreadPoolExecutor(2) as workers:
            producer = workers.submit(published.publish, _until(stop), pause_seconds=0.1, pause_every=500)
            ingest = workers.submit(ingestor.run, stop=stop)
            try:
                yield published
            finally:
                stop.set()
            producer.result(timeout=60)
            ingest.result(timeout=60)
    finally:
        source.close()


def _until(stop: Event) -> Iterator[Outgoing]:
    messages = chain.from_iterable(believable(workflows=200, seed=seed) for seed in count())
    return takewhile(lambda _: not stop.is_set(), messages)


def wait_until(reached: Callable[[], bool], what: str, *, seconds: float = 30.0) -> None:
    """Wait until it is so, or fail and say what was waited for."""
    deadline = monotonic() + seconds
    while not reached():
        assert monotonic() < deadline, what
        sleep(0.02)
