"""Several ingestors share the partitions in a consumer group: each message comes once, whoever joins and leaves."""

from contextlib import ExitStack
from dataclasses import replace
from pathlib import Path

import pytest

from ingest.ingestor import Ingestor
from ingest.kafka import KafkaSettings
from ingest.lake import open_lake
from tests.apache_kafka.under_load import publishing, wait_until
from tests.pipes import ingest_all
from tests.running import running_ingestor

#: Tansu lets everybody wait for half of a session whenever somebody joins; Apache Kafka wants six seconds at least.
SESSION_MS = {"tansu": "1500", "apache": "6000"}


@pytest.fixture
def kafka(any_kafka: KafkaSettings, broker: str) -> KafkaSettings:
    """Each broker in turn."""
    session = {"session.timeout.ms": SESSION_MS[broker], "heartbeat.interval.ms": "300"}
    return replace(any_kafka, options={**any_kafka.options, **session})


def share(ingestor: Ingestor) -> int:
    return len(ingestor.source.partitions)


def test_members_come_and_go_under_load(kafka: KafkaSettings, tmp_path: Path) -> None:
    """One, two, three members, then the third and the first leave: all partitions stay read, nothing comes twice."""
    lake = str(tmp_path)
    with publishing(kafka) as published, ExitStack() as later:
        with running_ingestor(kafka, lake, shares=True) as first:
            wait_until(lambda: share(first) == 12, "the first member has not all partitions")
            wait_until(lambda: open_lake(lake).version > 1, "nothing is ingested")
            second = later.enter_context(running_ingestor(kafka, lake, shares=True))
            wait_until(lambda: (share(first), share(second)) == (6, 6), "two members do not share")
            with running_ingestor(kafka, lake, shares=True) as third:
                wait_until(lambda: {share(one) for one in (first, second, third)} == {4}, "three do not share")
                before = open_lake(lake).version
                wait_until(lambda: open_lake(lake).version > before + 3, "three do not ingest")
            wait_until(lambda: share(first) + share(second) == 12, "the third one's partitions are read by nobody")
        wait_until(lambda: share(second) == 12, "the first one's partitions are read by nobody")
    ingest_all(kafka, lake)
    published.assert_in_lake(lake)
