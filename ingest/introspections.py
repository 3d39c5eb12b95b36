"""What nodes say about themselves on Kafka."""

import logging
from collections.abc import Callable, Sequence
from threading import Event

from confluent_kafka import Consumer, KafkaException

from ingest.kafka import KafkaSettings, ensure_topics
from ingest.registry_topics import RegistryTopic, registry_topic, registry_topics
from omninode.errors import OmninodeError

_LOG = logging.getLogger(__name__)

_AT_ONCE = 500
_LOOK_SECONDS = 0.25
_PAUSE_SECONDS = 1.0


def follow_introspections(settings: KafkaSettings, handle: Callable[[Sequence[bytes]], None], stop: Event) -> None:
    """Hand on what nodes say, each message at least once, until told to stop; Kafka may be away meanwhile.

    All who follow share the messages. `handle` gets them in batches; if it raises an `OmninodeError` it gets the batch
    again.
    """
    while not stop.is_set():
        try:
            ensure_topics(settings, names=registry_topics(settings.environment))
            _follow(settings, handle, stop)
        except (OmninodeError, KafkaException) as error:
            _LOG.warning("What nodes say on Kafka is not heard: %s", error)
            stop.wait(_PAUSE_SECONDS)


def _follow(settings: KafkaSettings, handle: Callable[[Sequence[bytes]], None], stop: Event) -> None:
    consumer = settings.made(
        Consumer,
        group_id=f"{settings.environment}.omninode-registry",
        auto_offset_reset="earliest",
        enable_auto_commit=False,
        session_timeout_ms=6_000,
        heartbeat_interval_ms=1_000,
    )
    try:
        consumer.subscribe([registry_topic(RegistryTopic.INTROSPECTION, settings.environment)])
        while not stop.is_set():
            messages = [message for message in consumer.consume(_AT_ONCE, _LOOK_SECONDS) if message.error() is None]
            if messages:
                _until_handled(handle, [message.value() or b"" for message in messages], stop)
                if not stop.is_set():
                    consumer.commit(asynchronous=False)
    finally:
        consumer.close()


def _until_handled(handle: Callable[[Sequence[bytes]], None], values: Sequence[bytes], stop: Event) -> None:
    while not stop.is_set():
        try:
            handle(values)
        except OmninodeError as error:
            _LOG.warning("What nodes say on Kafka has to wait: %s", error)
            stop.wait(_PAUSE_SECONDS)
        else:
            return


__all__ = ["follow_introspections"]
