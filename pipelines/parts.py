"""The servers that a command uses: those that are set, else the embedded ones, started for as long as they are used."""

from collections.abc import Iterator
from contextlib import contextmanager

from ingest.kafka import KafkaSettings, ensure_topics
from ingest.parts import reachable_kafka
from omninode.settings import Settings
from sql.parts import postgres


@contextmanager
def kafka(settings: Settings) -> Iterator[KafkaSettings]:
    """Yield how to reach Kafka, with the four topics there."""
    with reachable_kafka(settings) as found:
        ensure_topics(found)
        yield found


__all__ = ["kafka", "postgres"]
