"""Three brokers of Apache Kafka, one of them killed under load: nothing is lost, nothing comes twice."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from confluent_kafka.admin import AdminClient

from ingest.kafka import KafkaSettings, ensure_topics
from ingest.lake import open_lake
from tests.apache_kafka.cluster import Cluster, apache_kafka
from tests.apache_kafka.jars import apache_kafka_jars
from tests.apache_kafka.under_load import under_load, wait_until
from tests.pipes import ingest_all


@pytest.fixture
def three_brokers(tmp_path: Path) -> Iterator[Cluster]:
    """A cluster of the test's own: afterwards it has only two brokers left."""
    with apache_kafka(tmp_path / "brokers", apache_kafka_jars(), nodes=3) as cluster:
        yield cluster


def leaders(kafka: KafkaSettings) -> set[int]:
    """The brokers that lead a partition of our topics; -1 while one has no leader."""
    topics = AdminClient(kafka.client()).list_topics(timeout=10).topics
    return {part.leader for name in kafka.topics for part in topics[name].partitions.values()}


def test_one_of_three_brokers_is_killed(three_brokers: Cluster, tmp_path: Path) -> None:
    """A broker that led partitions is killed with -9: producer and ingest go on with the other two."""
    kafka, lake = three_brokers.settings("test"), str(tmp_path / "lake")
    ensure_topics(kafka, partitions=3)
    # Every partition is kept on all three, so each leads some.
    assert leaders(kafka) == {1, 2, 3}
    with under_load(kafka, lake) as published:
        wait_until(lambda: open_lake(lake).version >= 2, "nothing was ingested")
        three_brokers.nodes[0].kill()
        wait_until(lambda: leaders(kafka) == {2, 3}, "the others did not take over")
        before, version = len(published.values), open_lake(lake).version
        wait_until(lambda: len(published.values) > before, "the producer did not go on")
        wait_until(lambda: open_lake(lake).version > version, "ingest did not go on")
    ingest_all(kafka, lake)
    published.assert_in_lake(lake)
