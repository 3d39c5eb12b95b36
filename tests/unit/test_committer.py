"""Committing is tried again while the lake cannot be written, and what was committed after all is not doubled."""

import logging
from collections.abc import Iterator
from pathlib import Path
from threading import Event, Timer

import pytest

from ingest.committer import Committer
from ingest.errors import LakeFailure
from ingest.kafka import KafkaSettings
from ingest.lake import Lake, open_lake
from ingest.policy import NEVER_GIVE_UP, RetryPolicy
from ingest.topics import Topics
from tests.lakes import PLACE, micro_batch, read_events


@pytest.fixture
def lake(tmp_path: Path) -> Lake:
    return open_lake(str(tmp_path / "lake"))


@pytest.fixture
def aside(lake: Lake) -> Iterator[Path]:
    """The folder of events, moved aside, with a file in its place: nothing can be written there."""
    folder = Path(lake.events_url)
    moved = folder.rename(folder.with_name("aside"))
    folder.write_text("in the way")
    yield moved
    if moved.exists():
        put_back(moved)


def put_back(moved: Path) -> None:
    moved.with_name("events").unlink()
    moved.rename(moved.with_name("events"))


def committer(lake: Lake, retry: RetryPolicy, stop: Event | None = None) -> Committer:
    # Partitions without a topic's id are not looked up, so nobody is asked at this address.
    topics = Topics(KafkaSettings("127.0.0.1:1", "test"))
    return Committer(lake, topics, retry, stop or Event())


def test_lake_that_comes_back_gets_the_batch(
    lake: Lake, aside: Path, caplog: pytest.LogCaptureFixture, tmp_path: Path
) -> None:
    """The lake is tried until it can be written; the waiting is told once."""
    with committer(lake, NEVER_GIVE_UP) as commits, caplog.at_level(logging.WARNING):
        commits.submit(micro_batch(0, good=3))
        Timer(1.0, put_back, [aside]).start()
        assert not commits.is_done_within(0.5)
        committed = commits.take()
    assert committed is not None
    assert committed.change.version == 1
    assert read_events(lake.url).height == 3
    assert [record.getMessage().count("trying again") for record in caplog.records] == [1]


@pytest.mark.usefixtures("aside")
def test_lake_that_stays_away_is_given_up(lake: Lake) -> None:
    """After its time a lake that cannot be written is an error."""
    with committer(lake, RetryPolicy(give_up_seconds=0.3, first_pause_seconds=0.05)) as commits:
        commits.submit(micro_batch(0, good=3))
        with pytest.raises(LakeFailure, match="check the folder's space and rights"):
            commits.take()


@pytest.mark.usefixtures("aside")
def test_who_is_asked_to_stop_does_not_wait_for_the_lake(lake: Lake) -> None:
    """A stop ends the waiting for a lake that is away, with its error."""
    stop = Event()
    with committer(lake, NEVER_GIVE_UP, stop) as commits:
        commits.submit(micro_batch(0, good=3))
        assert not commits.is_done_within(0.3)
        stop.set()
        assert commits.is_done_within(5)
        with pytest.raises(LakeFailure):
            commits.take()


def test_commit_that_failed_after_it_was_done_is_found(lake: Lake) -> None:
    """A batch that is in the lake although its commit ended with an error is found, and not appended again."""
    batch = micro_batch(0, good=3)
    assert lake.find(batch) is None
    change = open_lake(lake.url).append(batch)

    assert lake.find(batch) == change
    with committer(lake, NEVER_GIVE_UP) as commits:
        assert commits._append_unless_there(batch) == change
    assert read_events(lake.url).height == 3
    assert lake.next_offset(PLACE) == 3
