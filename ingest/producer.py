"""Publish events to their topics."""

from collections.abc import Callable, Iterable
from datetime import datetime
from typing import NamedTuple

from confluent_kafka import KafkaError, KafkaException, Message, Producer

from ingest.errors import KafkaFailure
from ingest.kafka import KafkaSettings, unreachable
from ingest.kinds import EventKind, topic_of

_REPORT_EVERY = 5_000
_MAX_MESSAGE_BYTES = 16 * 1024 * 1024


class Outgoing(NamedTuple):
    """A message to publish: its kind picks the topic, its key (the workflow) the partition."""

    kind: EventKind
    key: bytes | None
    value: bytes
    timestamp: datetime | None = None


def publish(
    settings: KafkaSettings,
    messages: Iterable[Outgoing],
    *,
    on_progress: Callable[[int], None] = lambda _: None,
    timeout_seconds: float = 30.0,
) -> int:
    """Publish the messages and return how many there were, when Kafka has acknowledged every one of them.

    `on_progress` gets the number published so far. Raises `KafkaFailure` if any of them was not acknowledged.
    """
    failures: list[KafkaError] = []

    def note(error: KafkaError | None, _: Message) -> None:
        if error is not None:
            failures.append(error)

    timeout_ms = int(timeout_seconds * 1000)
    producer = settings.made(
        Producer,
        enable_idempotence=True,
        linger_ms=20,
        delivery_timeout_ms=timeout_ms,
        queue_buffering_max_messages=500_000,
        # Larger than any event may be: what is too large is refused by ingest, where it is kept and can be seen.
        message_max_bytes=_MAX_MESSAGE_BYTES,
    )
    count = 0
    for count, message in enumerate(messages, start=1):
        _enqueue(producer, topic_of(message.kind, settings.environment), message, note)
        if count % _REPORT_EVERY == 0:
            _check(settings, failures, count)
            on_progress(count)
    left = producer.flush(timeout_seconds + 5)
    _check(settings, failures, count)
    if left:
        raise unreachable(settings, f"{left} of {count} messages not acknowledged")
    on_progress(count)
    return count


def _enqueue(
    producer: Producer, topic: str, message: Outgoing, note: Callable[[KafkaError | None, Message], None]
) -> None:
    milliseconds = int(message.timestamp.timestamp() * 1000) if message.timestamp else 0
    while True:
        try:
            producer.produce(topic, message.value, message.key, timestamp=milliseconds, on_delivery=note)
        except BufferError:
            producer.poll(0.1)
            continue
        except KafkaException as error:
            raise KafkaFailure(
                f"topic {topic}: {error.args[0].str()}; make the message smaller or raise the limit of the topic"
            ) from error
        producer.poll(0)
        return


def _check(settings: KafkaSettings, failures: list[KafkaError], count: int) -> None:
    if failures:
        raise unreachable(settings, f"{failures[0].str()}: {len(failures)} of {count} messages not acknowledged")
