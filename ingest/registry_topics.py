"""The topics of the node registry."""

from enum import StrEnum


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


__all__ = ["RegistryTopic", "registry_topic", "registry_topics"]
