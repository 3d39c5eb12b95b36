"""The broker goes away under load and comes back: Apache Kafka with all it had, Tansu with nothing."""

from pathlib import Path

import pytest

from ingest.broker import embedded_broker
from ingest.kafka import KafkaSettings, ensure_topics
from ingest.lake import open_lake
from ingest.source import KafkaSource
from tests.apache_kafka.cluster import Cluster
from tests.apache_kafka.under_load import under_load, wait_until
from tests.lakes import read_events
from tests.pipes import ingest_all
from tests.published import Published, believable


@pytest.mark.parametrize("end", ["stop", "kill"])
def test_restarted_apache_kafka(apache_cluster: Cluster, environment: str, tmp_path: Path, end: str) -> None:
    """A broker is stopped or killed while messages are published and ingested, and started again: both go on."""
    kafka, lake = apache_cluster.settings(environment), str(tmp_path)
    ensure_topics(kafka, partitions=3)
    with under_load(kafka, lake) as published:
        wait_until(lambda: open_lake(lake).version >= 2, "nothing was ingested")
        getattr(apache_cluster.nodes[0], end)()
        apache_cluster.start()
        before, version = len(published.values), open_lake(lake).version
        wait_until(lambda: len(published.values) > before, "the producer did not go on")
        wait_until(lambda: open_lake(lake).version > version, "ingest did not go on")
    ingest_all(kafka, lake)
    published.assert_in_lake(lake)


def test_restarted_tansu(tmp_path: Path) -> None:
    """Tansu forgets everything: the next one is a cluster of its own, whose messages come in from offset 0 on."""
    lake, clusters, heights = str(tmp_path / "lake"), set(), []
    for _ in range(2):
        with embedded_broker(tmp_path / "broker") as address:
            kafka = KafkaSettings(address, "test")
            ensure_topics(kafka)
            Published(kafka).publish(believable(workflows=20))
            source = KafkaSource(kafka)
            clusters |= {place.cluster for place in source.partitions}
            source.close()
            ingest_all(kafka, lake)
            heights.append(read_events(lake).height)
    assert len(clusters) == 2
    assert heights[1] == 2 * heights[0] > 0
