"""An ingestor that runs in a thread while the test does something to what it rests on."""

from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from threading import Event

from ingest.decode import Decoder
from ingest.ingestor import Ingestor
from ingest.kafka import KafkaSettings
from ingest.lake import open_lake
from ingest.policy import NEVER_GIVE_UP
from ingest.source import KafkaSource
from tests.pipes import utc_now


@contextmanager
def running_ingestor(
    kafka: KafkaSettings, lake: str, *, shares: bool = False, prepare: Callable[[Ingestor], None] = lambda _: None
) -> Iterator[Ingestor]:
    """Ingest until the end of the block, which raises what ingest has raised."""
    stop = Event()
    source = KafkaSource(kafka, is_patient=True)
    ingestor = Ingestor(
        source, open_lake(lake), Decoder(kafka.topics), utc_now, shares=shares, retry=NEVER_GIVE_UP, look_seconds=0.3
    )
    prepare(ingestor)
    try:
        with ThreadPoolExecutor(1) as worker:
            running = worker.submit(ingestor.run, stop=stop)
            try:
                yield ingestor
            finally:
                stop.set()
            running.result(timeout=60)
    finally:
        source.close()
