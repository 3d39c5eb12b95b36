"""From each broker into a lake: every message once, at its offset and its time, whatever was stopped in between."""

from datetime import UTC, datetime
from itertools import islice
from pathlib import Path
from threading import Event

import polars as pl
import pytest
from confluent_kafka import Producer
from confluent_kafka.admin import AdminClient

from ingest.decode import Decoder
from ingest.ingestor import Ingestor
from ingest.kafka import KafkaSettings, ensure_topics
from ingest.kinds import EventKind, topic_of
from ingest.lake import open_lake
from ingest.policy import MicroBatchPolicy
from ingest.producer import Outgoing, publish
from ingest.source import KafkaSource
from tests.lakes import read_dead_letters, read_events
from tests.messages import completed
from tests.pipes import ingest_all, utc_now
from tests.published import Published, believable

SENT = datetime(2025, 10, 24, 12, 0, 0, 123_000, tzinfo=UTC)


@pytest.mark.parametrize("partitions", [1, 5])
def test_every_message_once(bare_kafka: KafkaSettings, tmp_path: Path, partitions: int) -> None:
    """Topics are made with the partitions that were asked for, and all they hold comes in, in many micro-batches."""
    ensure_topics(bare_kafka, partitions=partitions)
    made = AdminClient(bare_kafka.client()).list_topics(timeout=10).topics
    assert {len(made[topic].partitions) for topic in bare_kafka.topics} == {partitions}
    published = Published(bare_kafka)
    published.publish(believable(workflows=5000))
    ingest_all(bare_kafka, str(tmp_path), max_rows=1)
    assert {partition for _, partition, _ in published.values} == set(range(partitions))
    assert open_lake(str(tmp_path)).version >= 3
    published.assert_in_lake(str(tmp_path))


def test_topics_that_are_there_stay(any_kafka: KafkaSettings) -> None:
    """Who asks for the topics a second time, with other partitions, changes nothing."""
    ensure_topics(any_kafka, partitions=7)
    found = AdminClient(any_kafka.client()).list_topics(timeout=10).topics
    assert {len(found[topic].partitions) for topic in any_kafka.topics} == {3}


def test_time_of_the_message_is_the_producers(any_kafka: KafkaSettings, tmp_path: Path) -> None:
    """An event that does not say its time gets the one that the producer gave to the message."""
    publish(any_kafka, [Outgoing(EventKind.COMPLETED, b"key", completed(timestamp=None), SENT)])
    ingest_all(any_kafka, str(tmp_path))
    assert read_events(str(tmp_path))["event_time"].to_list() == [SENT]
    assert read_events(str(tmp_path))["time_source"].to_list() == ["kafka"]


def test_empty_topics_have_an_end(any_kafka: KafkaSettings, tmp_path: Path) -> None:
    """Of topics without a message the end is seen too, and nothing is committed."""
    ingest_all(any_kafka, str(tmp_path))
    assert open_lake(str(tmp_path)).version == 0


def test_stopped_ingest_goes_on_where_the_lake_ends(any_kafka: KafkaSettings, tmp_path: Path) -> None:
    """Ingest that is stopped after its first commits, and another after more was published, take each message once."""
    published = Published(any_kafka)
    published.publish(believable(workflows=6000, seed=1))
    stop = Event()
    source = KafkaSource(any_kafka)
    ingestor = Ingestor(
        source, open_lake(str(tmp_path)), Decoder(any_kafka.topics), utc_now, MicroBatchPolicy(max_rows=50)
    )
    ingestor.on_commit = lambda _: stop.set()
    try:
        ingestor.run(stop=stop)
    finally:
        source.close()
    taken = read_events(str(tmp_path)).height + read_dead_letters(str(tmp_path)).height
    assert 0 < taken < len(published.values)
    published.publish(believable(workflows=100, seed=2))
    ingest_all(any_kafka, str(tmp_path))
    published.assert_in_lake(str(tmp_path))


def test_second_run_finds_nothing_new(any_kafka: KafkaSettings, tmp_path: Path) -> None:
    """A run from the end of the topics sees the end at once and commits nothing."""
    Published(any_kafka).publish(believable(workflows=20))
    ingest_all(any_kafka, str(tmp_path))
    version = open_lake(str(tmp_path)).version
    ingest_all(any_kafka, str(tmp_path))
    assert open_lake(str(tmp_path)).version == version


@pytest.mark.parametrize("codec", ["gzip", "snappy", "lz4", "zstd"])
def test_compressed_messages(any_kafka: KafkaSettings, tmp_path: Path, codec: str) -> None:
    """What producers compress is read, whichever way they do it."""
    topic = topic_of(EventKind.COMPLETED, any_kafka.environment)
    producer = Producer(any_kafka.client(compression_type=codec, linger_ms=100))
    for message in islice(believable(workflows=200), 500):
        producer.produce(topic, completed(correlation_id=message.key and message.key.decode()))
    assert producer.flush(30) == 0
    ingest_all(any_kafka, str(tmp_path))
    events = read_events(str(tmp_path))
    assert events.height == 500
    assert events.group_by("partition").agg(pl.col("offset").n_unique() == pl.len())["offset"].all()
