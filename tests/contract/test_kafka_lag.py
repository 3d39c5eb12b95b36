"""How far ingest is, for the tools that read a group's committed offsets."""

from pathlib import Path

from confluent_kafka import ConsumerGroupTopicPartitions
from confluent_kafka.admin import AdminClient

from ingest.kafka import KafkaSettings
from ingest.lake import open_lake
from ingest.source import KafkaSource
from tests.pipes import ingest_all
from tests.published import Published, believable

GROUP = "omninode-ingest"


def committed(kafka: KafkaSettings) -> dict[tuple[str, int], int]:
    """What the group has committed in this environment's topics."""
    admin = AdminClient(kafka.client())  # it must live for as long as its answer is awaited
    asked = admin.list_consumer_group_offsets([ConsumerGroupTopicPartitions(GROUP)])
    places = asked[GROUP].result(timeout=10).topic_partitions
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
