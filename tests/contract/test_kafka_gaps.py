"""What Kafka does not have any more is named with its range, and topics made anew are other topics."""

from collections.abc import Iterable
from pathlib import Path

import pytest
from confluent_kafka import TopicPartition
from confluent_kafka.admin import AdminClient
from confluent_kafka.cimpl import NewPartitions

from ingest.kafka import KafkaSettings, ensure_topics
from ingest.kinds import EventKind, topic_of
from ingest.lake import open_lake
from ingest.producer import Outgoing, publish
from tests.apache_kafka.cluster import Cluster
from tests.apache_kafka.under_load import wait_until
from tests.lakes import read_events
from tests.messages import completed
from tests.pipes import ingest_all
from tests.running import running_ingestor

KEY = b"one partition"


@pytest.fixture
def apache_kafka_topics(apache_cluster: Cluster, environment: str) -> KafkaSettings:
    """Apache Kafka, with topics of one partition: Tansu deletes nothing on request."""
    kafka = apache_cluster.settings(environment)
    ensure_topics(kafka, partitions=1)
    return kafka


def send(kafka: KafkaSettings, names: Iterable[str]) -> None:
    publish(kafka, [Outgoing(EventKind.COMPLETED, KEY, completed(correlation_id=name)) for name in names])


def numbered(first: int, end: int) -> list[str]:
    return [str(number) for number in range(first, end)]


def names_in(lake: Path) -> list[str]:
    return sorted(read_events(str(lake))["correlation_id"].to_list(), key=int)


def topic(kafka: KafkaSettings) -> str:
    return topic_of(EventKind.COMPLETED, kafka.environment)


def delete_before(kafka: KafkaSettings, offset: int) -> None:
    """Let Kafka do what its retention does."""
    admin = AdminClient(kafka.client())
    for done in admin.delete_records([TopicPartition(topic(kafka), 0, offset)]).values():
        done.result(10)


def make_anew(kafka: KafkaSettings) -> None:
    """Delete the topic and make it again."""
    admin = AdminClient(kafka.client())
    for done in admin.delete_topics([topic(kafka)]).values():
        done.result(10)
    wait_until(lambda: topic(kafka) not in admin.list_topics(timeout=10).topics, "the topic stays")
    ensure_topics(kafka, partitions=1)


def test_retention_that_passed_unread_messages_is_a_named_gap(
    apache_kafka_topics: KafkaSettings, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    """Of messages deleted before they were read the range is kept and told, once; what came after them is read."""
    kafka = apache_kafka_topics
    send(kafka, numbered(0, 10))
    ingest_all(kafka, str(tmp_path))
    send(kafka, numbered(10, 40))
    delete_before(kafka, 25)
    for _ in range(2):
        ingest_all(kafka, str(tmp_path))

    assert names_in(tmp_path) == [*numbered(0, 10), *numbered(25, 40)]
    gaps = open_lake(str(tmp_path)).gaps().to_dicts()
    assert [(gap["topic"], gap["partition"], gap["first_offset"], gap["next_offset"]) for gap in gaps] == [
        (topic(kafka), 0, 10, 25)
    ]
    assert gaps[0]["reason"] == "retention"
    assert f"offsets 10 to 24 of {topic(kafka)} partition 0 (15 messages)" in caplog.text


def test_retention_of_everything_unread_is_a_gap_too(apache_kafka_topics: KafkaSettings, tmp_path: Path) -> None:
    """Where nothing is left to be read the gap reaches to the end, and later messages are read."""
    kafka = apache_kafka_topics
    send(kafka, numbered(0, 5))
    ingest_all(kafka, str(tmp_path))
    send(kafka, numbered(5, 9))
    delete_before(kafka, 9)
    ingest_all(kafka, str(tmp_path))
    assert [(gap[4], gap[5]) for gap in open_lake(str(tmp_path)).gaps().iter_rows()] == [(5, 9)]
    send(kafka, numbered(9, 11))
    ingest_all(kafka, str(tmp_path))
    assert names_in(tmp_path) == [*numbered(0, 5), *numbered(9, 11)]


def test_retention_passes_a_running_ingest(apache_kafka_topics: KafkaSettings, tmp_path: Path) -> None:
    """Ingest that runs while messages are deleted behind it loses and doubles nothing, and reports no gap."""
    kafka = apache_kafka_topics
    with running_ingestor(kafka, str(tmp_path)):
        for first in range(0, 60, 20):
            send(kafka, numbered(first, first + 20))
            wait_until(lambda end=first + 20: read_events(str(tmp_path)).height == end, "not ingested")  # type: ignore[misc]
            delete_before(kafka, first + 20)
    assert names_in(tmp_path) == numbered(0, 60)
    assert open_lake(str(tmp_path)).gaps().is_empty()


@pytest.mark.parametrize("more", [5, 30])
def test_topic_made_anew_while_nobody_reads(any_kafka: KafkaSettings, tmp_path: Path, more: int) -> None:
    """A topic deleted and made anew counts from 0 again: all it holds is read, be it less or more than before."""
    send(any_kafka, numbered(0, 10))
    ingest_all(any_kafka, str(tmp_path))
    make_anew(any_kafka)
    send(any_kafka, numbered(10, 10 + more))
    for _ in range(2):
        ingest_all(any_kafka, str(tmp_path))
    assert names_in(tmp_path) == numbered(0, 10 + more)


@pytest.mark.parametrize("more", [5, 30])
@pytest.mark.parametrize("shares", [False, True])
def test_topic_made_anew_under_a_running_ingest(
    apache_kafka_topics: KafkaSettings, tmp_path: Path, shares: bool, more: int
) -> None:
    """Ingest that runs while its topic is made anew reads the new one from its beginning, not from the old offset."""
    kafka = apache_kafka_topics
    with running_ingestor(kafka, str(tmp_path), shares=shares):
        send(kafka, numbered(0, 10))
        wait_until(lambda: read_events(str(tmp_path)).height == 10, "the first topic was not read")
        make_anew(kafka)
        send(kafka, numbered(10, 10 + more))
        wait_until(lambda: read_events(str(tmp_path)).height >= 10 + more, "the new topic was not read")
    ingest_all(kafka, str(tmp_path))
    assert names_in(tmp_path) == numbered(0, 10 + more)


def test_partitions_added_to_a_running_ingest(apache_kafka_topics: KafkaSettings, tmp_path: Path) -> None:
    """Partitions that a topic is given while ingest runs are read, too."""
    kafka = apache_kafka_topics
    with running_ingestor(kafka, str(tmp_path)):
        send(kafka, numbered(0, 3))
        wait_until(lambda: read_events(str(tmp_path)).height == 3, "the first partition was not read")
        admin = AdminClient(kafka.client())
        for done in admin.create_partitions([NewPartitions(topic(kafka), 4)]).values():
            done.result(10)
        messages = [Outgoing(EventKind.COMPLETED, b"%d" % n, completed(correlation_id=str(n))) for n in range(3, 40)]
        publish(kafka, messages)
        wait_until(lambda: read_events(str(tmp_path)).height == 40, "the new partitions were not read")
    assert read_events(str(tmp_path))["partition"].n_unique() > 1
