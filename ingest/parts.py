"""The Kafka to be used: the one that is set, else the embedded one, started for as long as it is used."""

from collections.abc import Iterator
from contextlib import contextmanager

from ingest.broker import embedded_broker
from ingest.kafka import KafkaSettings
from omninode.settings import Settings


@contextmanager
def reachable_kafka(settings: Settings) -> Iterator[KafkaSettings]:
    """Yield how to reach Kafka, whatever topics are there."""
    if settings.kafka_bootstrap_servers is not None:
        yield KafkaSettings(settings.kafka_bootstrap_servers, settings.environment, settings.kafka_options)
        return
    with embedded_broker(settings.home / "broker") as address:
        yield KafkaSettings(address, settings.environment, settings.kafka_options)


__all__ = ["reachable_kafka"]
