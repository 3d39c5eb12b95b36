"""The brokers of the contract suite: Tansu and Apache Kafka, each started once, each test with topics of its own."""

from collections.abc import Iterator
from uuid import uuid4

import pytest

from ingest.broker import embedded_broker
from ingest.kafka import KafkaSettings, ensure_topics
from tests.apache_kafka.cluster import Cluster, apache_kafka
from tests.apache_kafka.jars import apache_kafka_jars


@pytest.fixture(scope="session")
def apache_cluster(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Cluster]:
    """One broker of Apache Kafka, shared by all tests that take it."""
    with apache_kafka(tmp_path_factory.mktemp("apache-kafka"), apache_kafka_jars()) as cluster:
        yield cluster


@pytest.fixture(scope="session")
def tansu_address(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """One Tansu, shared by all tests that take it."""
    with embedded_broker(tmp_path_factory.mktemp("tansu")) as address:
        yield address


@pytest.fixture
def environment() -> str:
    """A first word for the topics that no other test has."""
    return f"test-{uuid4().hex[:12]}"


@pytest.fixture(params=["tansu", "apache"])
def broker(request: pytest.FixtureRequest) -> str:
    """Which broker it is."""
    name: str = request.param
    return name


@pytest.fixture
def bare_kafka(broker: str, environment: str, request: pytest.FixtureRequest) -> KafkaSettings:
    """Each broker in turn, without the test's topics."""
    if broker == "tansu":
        return KafkaSettings(request.getfixturevalue("tansu_address"), environment)
    cluster: Cluster = request.getfixturevalue("apache_cluster")
    return cluster.settings(environment)


@pytest.fixture
def any_kafka(bare_kafka: KafkaSettings) -> KafkaSettings:
    """Each broker in turn, with the four topics of the test's own environment, of 3 partitions each."""
    ensure_topics(bare_kafka, partitions=3)
    return bare_kafka
