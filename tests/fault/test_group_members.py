"""Ingests of one consumer group come and go under load: the short version of what the soak does."""

from pathlib import Path
from random import Random

import pytest

from ingest.kafka import KafkaSettings, ensure_topics
from tests.apache_kafka.cluster import Cluster
from tests.soak.groups import QUICK_GROUP, members_come_and_go
from tests.soak.rig import rig
from tests.soak.verdict import nothing_lost_nothing_doubled


@pytest.fixture
def kafka(apache_cluster: Cluster, environment: str) -> KafkaSettings:
    """Topics of the test's own on Apache Kafka."""
    settings = apache_cluster.settings(environment)
    ensure_topics(settings)
    return settings


def test_members_that_come_and_go_neither_lose_nor_double(kafka: KafkaSettings, tmp_path: Path) -> None:
    """While up to three ingests join and leave, asked to or killed, each message comes into the lake, and once."""
    with rig(kafka, tmp_path, options=QUICK_GROUP, shares=True) as it:
        members_come_and_go(it, Random(3), most=3, seconds=6, pause=(0.5, 2.0))
        nothing_lost_nothing_doubled(it.published, it.lake)
