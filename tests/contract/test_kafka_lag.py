"""How far ingest is, for the tools that read a group's committed offsets."""

from pathlib import Path

from confluent_kafka import ConsumerGroupTopicPartitions
from confluent_kafka.admin import AdminClient

from ingest.kafka import KafkaSettings
from ingest.lag import measure_lag
from ingest.lake import open_lake
from ingest.metrics import LagCollector
from ingest.source import KafkaSource
from tests.apache_kafka.under_load import wait_until
from tests.lakes import read_events
from tests.pipes import ingest_all, utc_now
from tests.published import Published, believable
from tests.running import running_ingestor


def committed(kafka: KafkaSettings) -> dict[tuple[str, int], int]:
    """What the group has committed in this environment's topics."""
    admin = AdminClient(kafka.client())  # it must live for as long as its answer is awaited
    asked = admin.list_consumer_group_offsets([ConsumerGroupTopicPartitions(kafka.group)])
    places = asked[kafka.group].result(timeout=10).topic_partitions
    return {
        (place.topic, place.partition): place.offset
        for place in places
        if place.topic in kafka.topics and place.offset >= 0
    }


def in_lake(kafka: KafkaSettings, lake: str) -> dict[tuple[str, int], int]:
    """What the lake says of the same partitions."""
    opened, source = open_lake(lake), KafkaSource(kafka)
    try:
        offsets = {place: opened.next_offset(place) for place in source.partitions}
    finally:
        source.close()
    return {(place.topic, place.partition): offset for place, offset in offsets.items() if offset is not None}


def test_groups_offsets_are_the_lakes(any_kafka: KafkaSettings, tmp_path: Path) -> None:
    """After each run the group's offsets are those of the lake, and the ends of the partitions."""
    published = Published(any_kafka)
    for seed in (1, 2):
        published.publish(believable(workflows=50, seed=seed))
        ingest_all(any_kafka, str(tmp_path), max_rows=30)
        ends: dict[tuple[str, int], int] = {}
        for topic, partition, offset in published.values:
            ends[topic, partition] = max(offset + 1, ends.get((topic, partition), 0))
        assert committed(any_kafka) == in_lake(any_kafka, str(tmp_path)) == ends


def test_lag_from_outside(any_kafka: KafkaSettings, tmp_path: Path) -> None:
    """Without any ingest running the lag is what Kafka has and the lake has not, with the latest event of each."""
    published = Published(any_kafka)
    published.publish(believable(workflows=100))
    lake = open_lake(str(tmp_path))
    assert sum(lag.messages or 0 for lag in measure_lag(any_kafka, lake)) == len(published.values)
    ingest_all(any_kafka, str(tmp_path))
    in_lake = len(published.values)
    published.publish(believable(workflows=30, seed=9))

    lags = measure_lag(any_kafka, lake)

    assert sum(lag.messages or 0 for lag in lags) == len(published.values) - in_lake
    events = read_events(str(tmp_path))
    for lag in lags:
        of_place = events.filter(topic=lag.place.topic, partition=lag.place.partition)
        assert lag.event_time == of_place["event_time"].max()


def test_lag_of_a_running_ingest(any_kafka: KafkaSettings, tmp_path: Path) -> None:
    """An ingestor knows its own lag: once it has caught up, it is 0 in each partition, and Prometheus can have it."""
    published = Published(any_kafka)
    published.publish(believable(workflows=100))
    with running_ingestor(any_kafka, str(tmp_path)) as ingestor:

        def lags() -> list[int | None]:
            return [lag.messages for lag in ingestor.progress.lags()]

        wait_until(lambda: lags() == [0] * 12, "it did not catch up")
        collector = LagCollector(ingestor.progress.lags, utc_now)
        families = {family.name: family.samples for family in collector.collect()}
    assert sum(sample.value for sample in families["ingest_committed_offset"]) == len(published.values)
    assert [sample.value for sample in families["ingest_lag_messages"]] == [0] * 12
    assert all(sample.value > 0 for sample in families["ingest_event_time_lag_seconds"])
