"""Kafka, as the registry uses it: the one place where the registry meets ingest, which speaks to Kafka."""

from collections.abc import Callable, Sequence
from threading import Event

from ingest.announcer import Announcement, Announcer
from ingest.introspections import follow_introspections
from ingest.parts import reachable_kafka
from ingest.registry_topics import RegistryTopic
from omninode.settings import Settings
from registry.events import EventType, NodeEvent

_TOPICS = {
    EventType.REGISTERED: RegistryTopic.REGISTERED,
    EventType.DEREGISTERED: RegistryTopic.DEREGISTERED,
    EventType.HEALTH_CHANGED: RegistryTopic.HEALTH_CHANGED,
    EventType.INTROSPECTION_REQUESTED: RegistryTopic.INTROSPECTION_REQUESTED,
}


class KafkaPublisher:
    """See `Publisher`. The Kafka that is set, else the embedded one."""

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self._announcer = Announcer(lambda: reachable_kafka(settings))

    def publish(self, events: Sequence[NodeEvent]) -> None:
        """See `Publisher`."""
        self._announcer.publish(
            [Announcement(_TOPICS[event.event_type], event.key.encode(), event.value) for event in events]
        )

    def follow(self, handle: Callable[[Sequence[bytes]], None], stop: Event) -> None:
        """See `Publisher`."""
        with reachable_kafka(self._settings) as kafka:
            follow_introspections(kafka, handle, stop)

    def status(self) -> dict[str, int]:
        """See `Publisher`."""
        return {"published_events": self._announcer.published, "lost_events": self._announcer.lost}

    def close(self) -> None:
        """See `Publisher`."""
        self._announcer.close()


__all__ = ["KafkaPublisher"]
