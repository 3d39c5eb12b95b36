"""What each broker carries but no event is: kept as it came, with key and headers."""

from pathlib import Path

import polars as pl
import pytest
from confluent_kafka import Producer

from ingest.errors import KafkaFailure
from ingest.kafka import KafkaSettings
from ingest.kinds import EventKind, topic_of
from ingest.limits import Limits
from ingest.producer import Outgoing, publish
from tests.lakes import read_dead_letters, read_events
from tests.messages import completed
from tests.pipes import ingest_all

LIMIT = Limits().max_message_bytes
Headers = list[tuple[str, str | bytes | None]]


def letters_of(kafka: KafkaSettings, lake: Path) -> pl.DataFrame:
    ingest_all(kafka, str(lake))
    return read_dead_letters(str(lake)).sort("topic", "partition", "offset")


def event_of(size: int) -> bytes:
    """An event of this many bytes: a field that nobody knows fills it up."""
    event = completed(filling="")
    return event[:-2] + b"x" * (size - len(event)) + event[-2:]


def test_key_headers_and_bytes_are_kept(any_kafka: KafkaSettings, tmp_path: Path) -> None:
    """Of a refused message everything is kept: a name twice, no value, an empty one, bytes that are no text."""
    headers: Headers = [
        ("trace", b"\x00\xff"),
        ("trace", b"again"),
        ("none", None),
        ("empty", b""),
        ("é", "ü".encode()),
    ]
    producer = Producer(any_kafka.client())
    topic = topic_of(EventKind.FAILED, any_kafka.environment)
    for key, value in ((b"\xfe\x00", b"\xff no JSON"), (None, b"[]"), (b"", b"{")):
        producer.produce(topic, value, key, partition=1, headers=headers)
    assert producer.flush(10) == 0
    letters = letters_of(any_kafka, tmp_path)
    assert letters["key"].to_list() == [b"\xfe\x00", None, b""]
    assert letters["value"].to_list() == [b"\xff no JSON", b"[]", b"{"]
    assert letters["reason"].to_list() == ["invalid_json", "not_an_object", "invalid_json"]
    assert letters["offset"].to_list() == [0, 1, 2]
    assert letters["partition"].unique().to_list() == [1]
    for kept in letters["headers"].to_list():
        assert [(header["name"], header["value"]) for header in kept] == [
            (name, value.encode() if isinstance(value, str) else value) for name, value in headers
        ]


def test_empty_values(any_kafka: KafkaSettings, tmp_path: Path) -> None:
    """No value and an empty value are two things; both are dead letters, at their offsets."""
    producer = Producer(any_kafka.client())
    topic = topic_of(EventKind.STARTED, any_kafka.environment)
    for value in (None, b"", None):
        producer.produce(topic, value, b"key", partition=0)
    assert producer.flush(10) == 0
    letters = letters_of(any_kafka, tmp_path)
    assert letters["value"].to_list() == [None, b"", None]
    assert letters["reason"].to_list() == ["empty"] * 3


def test_large_messages(any_kafka: KafkaSettings, tmp_path: Path) -> None:
    """A message of just the limit is an event; one more byte, or many, is too large, and kept with all its bytes."""
    sizes = [LIMIT - 1, LIMIT, LIMIT + 1, 5 * LIMIT, 300]
    publish(any_kafka, [Outgoing(EventKind.COMPLETED, b"key", event_of(size)) for size in sizes])
    letters = letters_of(any_kafka, tmp_path)
    assert letters["reason"].to_list() == ["too_large"] * 2
    assert letters["value"].to_list() == [event_of(LIMIT + 1), event_of(5 * LIMIT)]
    assert letters["offset"].to_list() == [2, 3]
    assert read_events(str(tmp_path))["offset"].sort().to_list() == [0, 1, 4]


def test_large_message_that_was_small_on_the_way(any_kafka: KafkaSettings, tmp_path: Path) -> None:
    """What passes a broker's limit only because it was compressed is too large for us, whatever it weighed there."""
    producer = Producer(any_kafka.client(compression_type="zstd", message_max_bytes=8 * LIMIT))
    topic = topic_of(EventKind.COMPLETED, any_kafka.environment)
    producer.produce(topic, event_of(4 * LIMIT))
    producer.produce(topic, event_of(LIMIT))
    assert producer.flush(10) == 0
    letters = letters_of(any_kafka, tmp_path)
    assert letters["reason"].to_list() == ["too_large"]
    assert read_events(str(tmp_path)).height == 1


def test_message_larger_than_we_ever_send(any_kafka: KafkaSettings) -> None:
    """A message above the producer's own limit is refused in one line that names its topic."""
    topic = topic_of(EventKind.COMPLETED, any_kafka.environment)
    with pytest.raises(KafkaFailure, match=f"^topic {topic}: .*make the message smaller") as failed:
        publish(any_kafka, [Outgoing(EventKind.COMPLETED, b"key", b"x" * 17 * LIMIT)])
    assert "\n" not in str(failed.value)
