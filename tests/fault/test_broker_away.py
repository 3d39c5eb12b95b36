"""The broker is away for a while under ingest, killed or only out of reach: the short version of what the soak does."""

from pathlib import Path
from random import Random

import pytest

from ingest.kafka import KafkaSettings, ensure_topics
from tests.apache_kafka.cluster import Cluster
from tests.soak.broker_away import broker_killed, broker_unreachable
from tests.soak.rig import rig
from tests.soak.verdict import nothing_lost_nothing_doubled


@pytest.fixture
def kafka(apache_cluster: Cluster, environment: str) -> KafkaSettings:
    """Topics of the test's own on Apache Kafka."""
    settings = apache_cluster.settings(environment)
    ensure_topics(settings)
    return settings


def test_killed_broker_comes_back(apache_cluster: Cluster, kafka: KafkaSettings, tmp_path: Path) -> None:
    """When the broker is killed and started on what it has kept, the same ingest goes on, and nothing is missing."""
    with rig(kafka, tmp_path) as it:
        broker_killed(it, Random(1), apache_cluster, times=1, away=(0.5, 1.0))
        nothing_lost_nothing_doubled(it.published, it.lake)


def test_unreachable_broker_comes_back(apache_cluster: Cluster, kafka: KafkaSettings, tmp_path: Path) -> None:
    """When the broker stands still for some seconds, the same ingest goes on afterwards, and nothing is missing."""
    with rig(kafka, tmp_path) as it:
        broker_unreachable(it, apache_cluster, seconds=3)
        nothing_lost_nothing_doubled(it.published, it.lake)
