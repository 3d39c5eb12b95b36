"""The servers that a command uses: those that are set, else the embedded ones, started for as long as they are used."""

from collections.abc import Iterator
from contextlib import contextmanager

from ingest.broker import embedded_broker
from ingest.kafka import KafkaSettings, ensure_topics
from omninode.settings import Settings
from sql.parts import postgres


@contextmanager
def kafka(settings: Settings) -> Iterator[KafkaSettings]:
    """Yield how to reach Kafka, with the four topics there."""
    servers = settings.kafka_bootstrap_servers
    if servers is not None:
        yield _with_topics(settings, servers)
        return
    with embedded_broker(settings.home / "broker") as address:
        yield _with_topics(settings, address)


def _with_topics(settings: Settings, servers: str) -> KafkaSettings:
    found = KafkaSettings(servers, settings.environment, settings.kafka_options)
    ensure_topics(found)
    return found


__all__ = ["kafka", "postgres"]
