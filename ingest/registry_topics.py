"""The topics of the node registry, and where they are."""

from collections.abc import Iterator
from contextlib import contextmanager
from enum import StrEnum

from ingest.broker import embedded_broker
from ingest.kafka import KafkaSettings
from omninode.settings import Settings


class RegistryTopic(StrEnum):
    """What a topic of the registry carries."""

    REGISTERED = "node-registered"
    DEREGISTERED = "node-deregistered"
    HEALTH_CHANGED = "node-health-changed"
    #: Nodes say here what they are.
    INTROSPECTION = "node-introspection"
    #: Nodes are asked here to say what they are.
    INTROSPECTION_REQUESTED = "introspection-requested"


def registry_topic(topic: RegistryTopic, environment: str) -> str:
    """Name a topic.

    >>> registry_topic(RegistryTopic.REGISTERED, "dev")
    'dev.omninode-bridge.registry.node-registered.v1'
    """
    return f"{environment}.omninode-bridge.registry.{topic}.v1"


def registry_topics(environment: str) -> list[str]:
    """Name all topics of the registry."""
    return [registry_topic(topic, environment) for topic in RegistryTopic]


@contextmanager
def registry_kafka(settings: Settings) -> Iterator[KafkaSettings]:
    """Yield how to reach Kafka: the one that is set, else the embedded one, for as long as it is used."""
    if settings.kafka_bootstrap_servers is not None:
        yield KafkaSettings(settings.kafka_bootstrap_servers, settings.environment, settings.kafka_options)
        return
    with embedded_broker(settings.home / "broker") as address:
        yield KafkaSettings(address, settings.environment, settings.kafka_options)


__all__ = ["RegistryTopic", "registry_kafka", "registry_topic", "registry_topics"]
