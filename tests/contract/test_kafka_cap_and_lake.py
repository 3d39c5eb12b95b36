"""Ingest stops before a bad deploy drains a topic, and waits for a lake that cannot be written for a while."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from threading import Event
from time import sleep

import pytest

from ingest.cap import DeadLetterCap
from ingest.decode import Decoder
from ingest.errors import TooManyDeadLetters
from ingest.ingestor import Ingestor
from ingest.kafka import KafkaSettings
from ingest.kinds import EventKind
from ingest.lake import open_lake
from ingest.policy import MicroBatchPolicy
from ingest.producer import Outgoing, publish
from ingest.source import KafkaSource
from tests.apache_kafka.under_load import wait_until
from tests.lakes import read_dead_letters, read_events
from tests.messages import completed
from tests.pipes import ingest_all, utc_now
from tests.published import Published, believable
from tests.running import running_ingestor


def test_capped_ingest_leaves_the_bad_messages_in_kafka(any_kafka: KafkaSettings, tmp_path: Path) -> None:
    """What came before the bad deploy is kept, the bad messages are not; after the cap is lifted they are refused."""
    good = [Outgoing(EventKind.COMPLETED, b"key", completed(correlation_id=str(n))) for n in range(40)]
    bad = [Outgoing(EventKind.COMPLETED, b"key", b"no JSON")] * 60
    publish(any_kafka, good)
    ingest_all(any_kafka, str(tmp_path))
    publish(any_kafka, bad)
    source = KafkaSource(any_kafka)
    ingestor = Ingestor(
        source,
        open_lake(str(tmp_path)),
        Decoder(any_kafka.topics),
        utc_now,
        MicroBatchPolicy(max_rows=1),
        cap=DeadLetterCap(max_share=0.4, window=50, least=10),
    )
    try:
        with pytest.raises(TooManyDeadLetters, match=r"invalid_json .*they stay in Kafka"):
            ingestor.run(stop=Event(), until_end=True)
    finally:
        source.close()
    assert read_events(str(tmp_path)).height == 40
    assert read_dead_letters(str(tmp_path)).height < 10

    ingest_all(any_kafka, str(tmp_path))
    assert (read_events(str(tmp_path)).height, read_dead_letters(str(tmp_path)).height) == (40, 60)


@contextmanager
def without(folder: Path) -> Iterator[None]:
    """Have a file in the place of a folder for a while: nothing can be written there, not even by root."""
    aside = folder.with_name(f"{folder.name}-aside")
    folder.rename(aside)
    folder.write_text("in the way")
    try:
        yield
    finally:
        folder.unlink()
        aside.rename(folder)


@pytest.mark.parametrize("shares", [False, True])
def test_lake_that_is_away_for_a_while(
    any_kafka: KafkaSettings, tmp_path: Path, caplog: pytest.LogCaptureFixture, shares: bool
) -> None:
    """While the lake cannot be written ingest says so, stops fetching and stays; then it goes on, nothing amiss."""
    lake, published = str(tmp_path), Published(any_kafka)
    settings = KafkaSettings(
        any_kafka.bootstrap_servers, any_kafka.environment, {**any_kafka.options, "session.timeout.ms": "6000"}
    )
    with running_ingestor(settings, lake, shares=shares):
        published.publish(believable(workflows=100))
        wait_until(lambda: open_lake(lake).version > 0, "nothing is ingested")
        with without(tmp_path / "events"), without(tmp_path / "dead_letters"):
            published.publish(believable(workflows=300, seed=6))
            wait_until(lambda: "trying again until it can be written" in caplog.text, "nobody said so")
            sleep(3)
        before = open_lake(lake).version
        wait_until(lambda: open_lake(lake).version > before, "ingest did not go on")
    ingest_all(any_kafka, lake)
    published.assert_in_lake(lake)
