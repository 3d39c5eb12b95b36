"""What a test published: where each message stands in Kafka, and what the lake must make of it."""

from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import UTC, datetime
from time import sleep

import polars as pl
from confluent_kafka import KafkaError, Message, Producer

from ingest.decode import Decoded, Decoder
from ingest.kafka import KafkaSettings
from ingest.kinds import EventKind, topic_of
from ingest.messages import Messages
from ingest.producer import Outgoing
from ingest.synthetic import synthetic_messages
from tests.lakes import read_dead_letters, read_events

_START = datetime(2025, 10, 1, tzinfo=UTC)
_PLACE = ["topic", "partition", "offset"]


@dataclass(slots=True)
class Published:
    """Publishes messages, and remembers where Kafka put each."""

    kafka: KafkaSettings
    values: dict[tuple[str, int, int], bytes] = field(default_factory=dict)
    times: dict[tuple[str, int, int], int] = field(default_factory=dict)

    def publish(self, messages: Iterable[Outgoing], *, pause_seconds: float = 0.0, pause_every: int = 1000) -> None:
        """Publish, with a pause now and then, and return when everything is acknowledged."""
        producer = Producer(self.kafka.client(enable_idempotence=True, linger_ms=5))
        for count, message in enumerate(messages, start=1):
            producer.produce(
                topic_of(message.kind, self.kafka.environment), message.value, message.key, on_delivery=self._note
            )
            if count % pause_every == 0:
                producer.flush(30)
                sleep(pause_seconds)
        assert producer.flush(30) == 0

    def expected(self) -> Decoded:
        """Decode everything published in one go, far from any lake."""
        places = list(self.values)
        messages = Messages(
            topics=[topic for topic, _, _ in places],
            partitions=[partition for _, partition, _ in places],
            offsets=[offset for _, _, offset in places],
            timestamps_ms=[self.times[place] for place in places],
            values=[self.values[place] for place in places],
        )
        return Decoder(self.kafka.topics).decode(messages, now=datetime.now(UTC), batch_id="")

    def assert_in_lake(self, lake: str) -> None:
        """The lake holds every message once, as the event or the dead letter that it is, and nothing else."""
        expected = self.expected()
        events, letters = [*_PLACE, "event_id", "event_time"], [*_PLACE, "value", "reason"]
        assert _sorted(read_events(lake), events).equals(_sorted(expected.events, events))
        assert _sorted(read_dead_letters(lake), letters).equals(_sorted(expected.dead_letters, letters))

    def _note(self, error: KafkaError | None, message: Message) -> None:
        assert error is None
        topic, partition, offset = message.topic(), message.partition(), message.offset()
        assert topic is not None
        assert partition is not None
        assert offset is not None
        self.values[topic, partition, offset] = message.value() or b""
        self.times[topic, partition, offset] = message.timestamp()[1]


def believable(*, workflows: int, seed: int = 5, days: int = 3) -> Iterable[Outgoing]:
    """Messages of the generator, with one in fifty broken."""
    for number, message in enumerate(synthetic_messages(workflows=workflows, seed=seed, start=_START, days=days)):
        value = message.value[:-3] if number % 50 == 0 else message.value
        yield Outgoing(EventKind(message.kind), message.key, value)


def _sorted(rows: pl.DataFrame, columns: list[str]) -> pl.DataFrame:
    return rows.select(columns).sort(_PLACE)
