"""What we rely on of a Kafka: messages come back as they were sent, from the offset that is asked for."""

from datetime import UTC, datetime
from time import monotonic

import pytest
from confluent_kafka import Message, Producer

from ingest.errors import KafkaFailure
from ingest.kafka import KafkaSettings, ensure_topics
from ingest.kinds import EventKind, topic_of
from ingest.partition_id import PartitionId
from ingest.producer import Outgoing, publish
from ingest.source import KafkaSource, columns_of

SENT = datetime(2025, 10, 24, 12, 0, 0, 123_000, tzinfo=UTC)


def read_all(source: KafkaSource) -> list[Message]:
    """Poll until the end of every partition has been seen."""
    messages: list[Message] = []
    deadline = monotonic() + 90
    while not source.at_end:
        assert monotonic() < deadline
        messages += source.poll(0.1)
    return messages


def test_message_comes_back_as_it_was_sent(kafka: KafkaSettings) -> None:
    """Value, key, headers and time survive, also without a key, without a value, and with bytes that are no text."""
    producer = Producer(kafka.client())
    topic = topic_of(EventKind.FAILED, kafka.environment)
    milliseconds = int(SENT.timestamp() * 1000)
    producer.produce(
        topic, b"\xff\x00", b"\xfe", partition=2, timestamp=milliseconds, headers=[("h", b"\x01"), ("n", None)]
    )
    producer.produce(topic, None, None, partition=2, timestamp=milliseconds)
    assert producer.flush(10) == 0
    source = KafkaSource(kafka)
    try:
        source.start(dict.fromkeys(source.partitions))
        messages = columns_of(read_all(source))
    finally:
        source.close()

    assert (messages.topics, messages.partitions, messages.offsets) == ([topic] * 2, [2, 2], [0, 1])
    assert [value or None for value in messages.values] == [b"\xff\x00", None]
    assert messages.timestamps_ms == [milliseconds] * 2
    key, headers = messages.key_and_headers(0)
    assert (key, list(headers)) == (b"\xfe", [("h", b"\x01"), ("n", None)])
    assert messages.key_and_headers(1)[0] in (None, b"")


def test_reading_starts_where_it_is_told(kafka: KafkaSettings) -> None:
    """A source reads on from the offset given for each partition, and again from there when it is placed anew."""
    published = publish(kafka, [Outgoing(EventKind.STARTED, b"one key", b"%d" % number) for number in range(50)])
    assert published == 50
    source = KafkaSource(kafka)
    try:
        source.start(dict.fromkeys(source.partitions))
        everything = read_all(source)
        assert [message.value() for message in everything] == [b"%d" % number for number in range(50)]
        place = everything[0].partition()
        offsets = {
            p: 45 if (p.topic, p.partition) == (everything[0].topic(), place) else None for p in source.partitions
        }
        for _ in range(2):
            source.start(offsets)
            assert not source.at_end
            assert [message.offset() for message in read_all(source)] == [45, 46, 47, 48, 49]
    finally:
        source.close()


def test_all_four_topics_have_partitions(kafka: KafkaSettings) -> None:
    """The topics are there once, however often they are asked for, under one cluster's id."""
    ensure_topics(kafka)
    source = KafkaSource(kafka)
    try:
        assert {(p.topic, p.partition) for p in source.partitions} == {
            (topic, partition) for topic in kafka.topics for partition in range(4)
        }
        assert len({place.cluster for place in source.partitions}) == 1
        assert isinstance(source.partitions[0], PartitionId)
    finally:
        source.close()


def test_workflow_keeps_its_order(kafka: KafkaSettings) -> None:
    """Messages of one key are in one partition, in the order in which they were published."""
    publish(kafka, [Outgoing(EventKind.STARTED, b"%d" % (n % 7), b"%d" % n) for n in range(700)])
    source = KafkaSource(kafka)
    try:
        source.start(dict.fromkeys(source.partitions))
        by_key: dict[bytes, list[tuple[int, int]]] = {}
        for message in read_all(source):
            number = int(message.value() or b"")
            by_key.setdefault(b"%d" % (number % 7), []).append((message.partition() or 0, number))
    finally:
        source.close()
    for messages in by_key.values():
        assert len({partition for partition, _ in messages}) == 1
        assert messages == sorted(messages)


def test_topics_that_are_not_there_are_named(kafka: KafkaSettings) -> None:
    """A cluster without our topics gives one line with their names and the setting."""
    with pytest.raises(KafkaFailure, match=r"has none of the topics elsewhere\..*OMNINODE_ENV"):
        KafkaSource(KafkaSettings(kafka.bootstrap_servers, "elsewhere"))


def test_message_too_large_for_the_producer_is_an_error(kafka: KafkaSettings) -> None:
    """A message that cannot be sent stops the publishing with one line; it is not dropped."""
    small = KafkaSettings(kafka.bootstrap_servers, kafka.environment, {"message.max.bytes": "1000"})
    huge = Outgoing(EventKind.STARTED, None, b"x" * 2_000)
    with pytest.raises(KafkaFailure, match=r"topic test\..*; make the message smaller"):
        publish(small, [huge])
