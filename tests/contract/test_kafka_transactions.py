"""Producers with transactions: what they abort never comes into the lake.

So on Apache Kafka. Tansu keeps open transactions back, as it should, but shows aborted ones: those cases are expected
to differ.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from confluent_kafka import Producer

from ingest.kafka import KafkaSettings
from ingest.kinds import EventKind, topic_of
from tests.lakes import read_events
from tests.messages import completed
from tests.pipes import ingest_all


@pytest.fixture
def aborts_are_shown(broker: str, request: pytest.FixtureRequest) -> None:
    """Tansu 0.6 hands out aborted messages like committed ones; the day it does not, this expectation fails."""
    if broker == "tansu":
        reason = "Tansu does not tell consumers which transactions were aborted"
        request.applymarker(pytest.mark.xfail(reason=reason, strict=True, raises=AssertionError))


@pytest.fixture
def producer(any_kafka: KafkaSettings) -> Producer:
    """A producer that has said that it will use transactions."""
    made = Producer(any_kafka.client(transactional_id=any_kafka.environment))
    made.init_transactions(30)
    return made


@contextmanager
def transaction(producer: Producer, kafka: KafkaSettings, *names: str) -> Iterator[None]:
    """Begin a transaction, send these events to partition 0, and wait until Kafka has them; the block ends it."""
    producer.begin_transaction()
    for name in names:
        topic = topic_of(EventKind.COMPLETED, kafka.environment)
        producer.produce(topic, completed(correlation_id=name), partition=0)
    assert producer.flush(30) == 0
    yield


def names_in(lake: Path) -> list[str]:
    """The events of a lake by their offsets."""
    return read_events(str(lake)).sort("offset")["correlation_id"].to_list()


@pytest.mark.usefixtures("aborts_are_shown")
def test_aborted_messages_never_appear(any_kafka: KafkaSettings, producer: Producer, tmp_path: Path) -> None:
    """Committed and aborted transactions take turns in one partition; only the committed ones come in, each once."""
    for number in range(6):
        with transaction(producer, any_kafka, f"{number} a", f"{number} b"):
            if number % 2:
                producer.abort_transaction(30)
            else:
                producer.commit_transaction(30)
        if number == 3:
            ingest_all(any_kafka, str(tmp_path))
    ingest_all(any_kafka, str(tmp_path))
    assert names_in(tmp_path) == [f"{number} {letter}" for number in (0, 2, 4) for letter in "ab"]


@pytest.mark.usefixtures("aborts_are_shown")
def test_aborted_end_is_an_end(any_kafka: KafkaSettings, producer: Producer, tmp_path: Path) -> None:
    """A partition that ends with aborted messages, or has nothing else, has an end that each run finds."""
    with transaction(producer, any_kafka, "not this"):
        producer.abort_transaction(30)
    for _ in range(2):
        ingest_all(any_kafka, str(tmp_path))
        assert names_in(tmp_path) == []
    with transaction(producer, any_kafka, "this"):
        producer.commit_transaction(30)
    for _ in range(2):
        ingest_all(any_kafka, str(tmp_path))
        assert names_in(tmp_path) == ["this"]


def test_open_transaction_waits(any_kafka: KafkaSettings, producer: Producer, tmp_path: Path) -> None:
    """Messages of a transaction that is still open are not read; once it is committed, the next run takes them."""
    with transaction(producer, any_kafka, "later"):
        ingest_all(any_kafka, str(tmp_path))
        assert names_in(tmp_path) == []
        producer.commit_transaction(30)
    ingest_all(any_kafka, str(tmp_path))
    assert names_in(tmp_path) == ["later"]
