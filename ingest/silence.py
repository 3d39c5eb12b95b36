"""Notices that Kafka has been silent for too long, and asks whether it is still there."""

import logging
from collections import deque
from dataclasses import dataclass, field
from time import monotonic

from confluent_kafka import Consumer, KafkaError, KafkaException

from ingest.kafka import KafkaSettings, failure

log = logging.getLogger(__name__)


@dataclass(slots=True)
class Silence:
    """What librdkafka has told of connections since the last message came. It tells of a healed one never."""

    settings: KafkaSettings
    #: How long Kafka may be silent before we ask.
    timeout_seconds: float
    #: Whether a Kafka that does not answer is waited for, for good; else it is an error.
    is_patient: bool
    told: "deque[KafkaError]" = field(init=False, default_factory=lambda: deque(maxlen=20))
    since: float | None = field(init=False, default=None)

    def note(self, error: KafkaError) -> None:
        """Remember a connection that was lost."""
        self.told.append(error)
        self.since = self.since or monotonic()

    def broken(self) -> None:
        """Messages came: all is well."""
        self.since = None
        self.told.clear()

    def check(self, consumer: Consumer) -> None:
        """Ask, if it has been too long. Raises `KafkaFailure` if nobody answers, unless we are patient."""
        if self.since is None or monotonic() - self.since < self.timeout_seconds:
            return
        # Nothing has come since a connection was lost: either it is still lost, or there is nothing new. So ask.
        try:
            consumer.list_topics(timeout=min(self.timeout_seconds, 10.0))
        except KafkaException as error:
            gone = failure(self.settings, error.args[0], self.told)
            if not self.is_patient:
                raise gone from error
            log.warning("%s; trying again until it answers", gone)
            self.since = monotonic()
            return
        self.since = None
