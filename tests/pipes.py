"""The way from Kafka into a lake, in the test's own process."""

from datetime import UTC, datetime
from threading import Event

from ingest.decode import Decoder
from ingest.ingestor import Ingestor
from ingest.kafka import KafkaSettings
from ingest.lake import open_lake
from ingest.policy import MicroBatchPolicy
from ingest.source import KafkaSource


def utc_now() -> datetime:
    """The machine's clock."""
    return datetime.now(UTC)


def ingest_all(kafka: KafkaSettings, lake: str, *, max_rows: int = 200_000) -> None:
    """Ingest until the end of the topics."""
    source = KafkaSource(kafka)
    try:
        policy = MicroBatchPolicy(max_rows=max_rows)
        Ingestor(source, open_lake(lake), Decoder(kafka.topics), utc_now, policy).run(stop=Event(), until_end=True)
    finally:
        source.close()
