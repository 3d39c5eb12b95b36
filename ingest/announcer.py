"""Publishes what the registry has to say, in a thread of its own: nobody waits for Kafka."""

import logging
from collections import deque
from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager, ExitStack
from threading import Condition, Thread
from time import monotonic, sleep
from typing import NamedTuple

from confluent_kafka import KafkaError, KafkaException, Message, Producer

from ingest.kafka import KafkaSettings, ensure_topics
from ingest.registry_topics import RegistryTopic, registry_topic, registry_topics
from omninode.errors import OmninodeError

_LOG = logging.getLogger(__name__)

#: So many messages wait for a Kafka that is away; then the oldest go.
MOST_WAITING = 100_000
_BATCH = 1_000
_PAUSE_SECONDS = 2.0
_LAST_PAUSE_SECONDS = 0.2
_DELIVERY_MS = 10_000
_CLOSE_SECONDS = 5.0
#: Who closes waits for a question under way.
_ASK_SECONDS = 3.0


class Announcement(NamedTuple):
    """A message of the registry."""

    topic: RegistryTopic
    key: bytes
    value: bytes


class Announcer:
    """Sends messages in their order, again and again until Kafka has them, for as long as it lives.

    `published` and `lost` count them. What did not arrive until it is closed is lost to Kafka; the database has it.
    """

    def __init__(self, open_kafka: Callable[[], AbstractContextManager[KafkaSettings]]) -> None:
        self._open_kafka = open_kafka
        self._waiting: deque[Announcement] = deque()
        self._changed = Condition()
        self._ends_at: float | None = None
        self.published = 0
        self.lost = 0
        self._thread = Thread(target=self._run, name="registry-kafka", daemon=True)
        self._thread.start()

    def publish(self, messages: Sequence[Announcement]) -> None:
        """Take messages; they are sent after this has returned."""
        with self._changed:
            self._waiting += messages
            self._drop(len(self._waiting) - MOST_WAITING)
            self._changed.notify()

    def close(self) -> None:
        """Send what waits, if Kafka takes it within some seconds, and stop."""
        with self._changed:
            self._ends_at = self._ends_at or monotonic() + _CLOSE_SECONDS
            self._changed.notify()
        self._thread.join()
        if self._waiting:
            _LOG.warning("%d messages of the registry did not reach Kafka", len(self._waiting))
            self._drop(len(self._waiting))

    def _drop(self, count: int) -> None:
        for _ in range(count):
            self._waiting.popleft()
            self.lost += 1

    def _run(self) -> None:
        with ExitStack() as stack:
            connection: _Connection | None = None
            while self._has_more():
                try:
                    connection = connection or _Connection(stack.enter_context(self._open_kafka()))
                    self._send(connection)
                except (OmninodeError, KafkaException) as error:
                    _LOG.warning("Kafka does not hear of the registry's nodes: %s", error)
                    self._pause()

    def _has_more(self) -> bool:
        """Wait until there is something to send; return False at the end."""
        with self._changed:
            self._changed.wait_for(lambda: self._waiting or self._ends_at is not None)
            return bool(self._waiting) and (self._ends_at is None or monotonic() < self._ends_at)

    def _send(self, connection: "_Connection") -> None:
        with self._changed:
            batch = [self._waiting.popleft() for _ in range(min(_BATCH, len(self._waiting)))]
        failed = list(batch)
        try:
            failed = connection.send(batch)
        finally:
            with self._changed:
                self._waiting.extendleft(reversed(failed))
                self.published += len(batch) - len(failed)
        if failed:
            self._pause()

    def _pause(self) -> None:
        with self._changed:
            is_ending = self._changed.wait_for(lambda: self._ends_at is not None, timeout=_PAUSE_SECONDS)
        if is_ending:
            sleep(_LAST_PAUSE_SECONDS)


class _Connection:
    """A producer, and the topics there."""

    def __init__(self, settings: KafkaSettings) -> None:
        self._settings = settings
        self._has_topics = False
        self._producer = settings.made(Producer, enable_idempotence=True, linger_ms=2, delivery_timeout_ms=_DELIVERY_MS)

    def send(self, batch: Sequence[Announcement]) -> list[Announcement]:
        """Send messages, and return those that did not arrive."""
        if not self._has_topics:
            ensure_topics(
                self._settings, names=registry_topics(self._settings.environment), timeout_seconds=_ASK_SECONDS
            )
            self._has_topics = True
        failed: list[Announcement] = []
        for message in batch:
            self._produce(message, _noting(message, failed))
        self._producer.flush()
        return failed

    def _produce(self, message: Announcement, note: Callable[[KafkaError | None, Message], None]) -> None:
        topic = registry_topic(message.topic, self._settings.environment)
        while True:
            try:
                return self._producer.produce(topic, message.value, message.key, on_delivery=note)
            except BufferError:
                self._producer.poll(0.1)


def _noting(message: Announcement, failed: list[Announcement]) -> Callable[[KafkaError | None, Message], None]:
    def note(error: KafkaError | None, _: Message) -> None:
        if error is not None:
            failed.append(message)

    return note


__all__ = ["MOST_WAITING", "Announcement", "Announcer"]
