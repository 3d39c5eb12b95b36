"""The broker is out of reach for a while under ingest: the short version of what the soak does."""

from pathlib import Path

import pytest

from ingest.kafka import KafkaSettings, ensure_topics
from tests.apache_kafka.cluster import Cluster
from tests.soak.broker_away import broker_unreachable
from tests.soak.rig import rig
from tests.soak.verdict import nothing_lost_nothing_doubled


@pytest.fixture
def kafka(apache_cluster: Cluster, environment: str) -> KafkaSettings:
    """Topics of the test's own on Apache Kafka."""
    settings = apache_cluster.settings(environment)
    ensure_topics(settings)
    return settings


def test_unreachable_broker_comes_back(apache_cluster: Cluster, kafka: KafkaSettings, tmp_path: Path) -> None:
    """When the broker stands still for some seconds, the same ingest goes on afterwards, and nothing is missing."""
    with rig(kafka, tmp_path) as it:
        broker_unreachable(it, apache_cluster, seconds=3)
        nothing_lost_nothing_doubled(it.published, it.lake)
