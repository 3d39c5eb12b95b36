"""When each message of the topics was sent, by its timestamp."""

from time import perf_counter

import polars as pl
from confluent_kafka import Consumer, Message, TopicPartition

from ingest.kafka import KafkaSettings
from tests.benchmarks.harness import NotMeasured

_OFFSET_BEGINNING = -2
_AT_ONCE = 10_000
_PATIENCE_SECONDS = 60.0


def sent_times(settings: KafkaSettings, expected: int) -> pl.DataFrame:
    """Return topic, partition, offset and sent_ms of all messages. Raises `NotMeasured` if they are not as many."""
    consumer = Consumer(settings.client(group_id="bench-times", enable_auto_commit=False))
    topics = consumer.list_topics(timeout=10).topics
    consumer.assign(
        [
            TopicPartition(topic, partition, _OFFSET_BEGINNING)
            for topic in settings.topics
            for partition in topics[topic].partitions
        ]
    )
    rows: list[tuple[str | None, int | None, int | None, int]] = []
    deadline = perf_counter() + _PATIENCE_SECONDS
    while len(rows) < expected and perf_counter() < deadline:
        rows.extend(map(_row, consumer.consume(_AT_ONCE, 0.05)))
    consumer.close()
    if len(rows) != expected:
        raise NotMeasured(f"Kafka has {len(rows)} of {expected} messages")
    return pl.DataFrame(rows, schema=["topic", "partition", "offset", "sent_ms"], orient="row")


def _row(message: Message) -> tuple[str | None, int | None, int | None, int]:
    return message.topic(), message.partition(), message.offset(), message.timestamp()[1]
