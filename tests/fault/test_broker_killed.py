"""The broker dies under ingest, and embedded brokers are shared, left and adopted."""

import json
import os
import signal
import socket
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from threading import Event
from time import monotonic, sleep

import pytest

from ingest.broker import embedded_broker
from ingest.decode import Decoder
from ingest.errors import KafkaFailure
from ingest.ingestor import Ingestor
from ingest.kafka import KafkaSettings, ensure_topics
from ingest.lake import open_lake
from ingest.micro_batch import Advance, MicroBatch
from ingest.schema import DEAD_LETTERS, EVENTS
from ingest.source import KafkaSource
from omninode.errors import OmninodeError
from tests.command import PATIENCE_SECONDS, ROOT
from tests.lakes import read_dead_letters, read_events
from tests.pipes import ingest_all, utc_now
from tests.published import Published, believable

#: A process that uses the broker of a folder until its standard input is closed.
_USER = """
import sys
from pathlib import Path
from ingest.broker import embedded_broker
with embedded_broker(Path(sys.argv[1])) as address:
    print(address, flush=True)
    sys.stdin.read()
"""


@contextmanager
def user_of(folder: Path) -> Iterator[tuple["subprocess.Popen[str]", str]]:
    """Start a process that uses the broker of a folder; yield it and the broker's address."""
    child = subprocess.Popen(
        [sys.executable, "-c", _USER, folder], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, cwd=ROOT
    )
    assert child.stdout is not None
    try:
        yield child, child.stdout.readline().strip()
    finally:
        child.communicate(timeout=PATIENCE_SECONDS)


def kill_broker(folder: Path) -> None:
    """Kill the broker of a folder with -9."""
    os.kill(json.loads((folder / "broker.json").read_text())["pid"], signal.SIGKILL)


def answers(address: str) -> bool:
    """Tell whether somebody listens there."""
    host, port = address.split(":")
    try:
        with socket.create_connection((host, int(port)), timeout=1):
            return True
    except OSError:
        return False


def test_ingest_says_that_the_broker_is_gone(tmp_path: Path) -> None:
    """When the broker dies and stays away, ingest ends with one clear line, and what it had fetched is in the lake."""
    lake = str(tmp_path / "lake")
    with embedded_broker(tmp_path / "broker") as address:
        kafka = KafkaSettings(address, "test")
        ensure_topics(kafka)
        published = Published(kafka)
        published.publish(believable(workflows=100))
        source = KafkaSource(kafka, timeout_seconds=1)
        ingestor = Ingestor(source, open_lake(lake), Decoder(kafka.topics), utc_now)
        ingestor.on_commit = lambda _: kill_broker(tmp_path / "broker")
        try:
            with pytest.raises(
                KafkaFailure, match=f"^Kafka at {address} does not answer .*; start it, or set"
            ) as failed:
                ingestor.run(stop=Event())
        finally:
            source.close()
    assert "\n" not in str(failed.value)
    published.assert_in_lake(lake)


def test_new_broker_in_place_of_a_killed_one_starts_from_nothing(tmp_path: Path) -> None:
    """After the embedded broker was killed, the next counts its offsets from 0; the lake takes both's messages."""
    lake = str(tmp_path / "lake")
    heights = []
    for _ in range(2):
        with embedded_broker(tmp_path / "broker") as address:
            kafka = KafkaSettings(address, "test")
            ensure_topics(kafka)
            published = Published(kafka)
            published.publish(believable(workflows=20))
            ingest_all(kafka, lake)
            heights.append(len(published.values))
            kill_broker(tmp_path / "broker")
    assert heights[0] == heights[1]
    assert read_events(lake).height + read_dead_letters(lake).height == sum(heights)


def test_quiet_topic_is_no_lost_broker(kafka: KafkaSettings) -> None:
    """After a lost connection a source asks; a broker that answers but has nothing new is not taken for dead."""
    source = KafkaSource(kafka, timeout_seconds=0.3)
    try:
        source.start(dict.fromkeys(source.partitions))
        source._silence.since = monotonic() - 1
        assert source.poll(0.1) == []
        assert source._silence.since is None
    finally:
        source.close()


def test_fenced_at_the_very_end_reads_on(kafka: KafkaSettings, tmp_path: Path) -> None:
    """Who is fenced off by another's small commit in its last micro-batch reads the rest again before it ends."""
    lake = str(tmp_path / "lake")
    published = Published(kafka)
    published.publish(believable(workflows=50))
    (topic, partition), count = _fullest(published)
    source, others = KafkaSource(kafka), [open_lake(lake)]
    place = next(one for one in source.partitions if (one.topic, one.partition) == (topic, partition))

    def clock_of_a_race() -> object:
        # Asked once a commit, just before it: there the other one is quicker, once.
        if others:
            first = MicroBatch("other", EVENTS.to_frame(), DEAD_LETTERS.to_frame(), {place: Advance(None, 1)})
            others.pop().append(first)
        return utc_now()

    try:
        Ingestor(source, open_lake(lake), Decoder(kafka.topics), clock_of_a_race).run(stop=Event(), until_end=True)  # type: ignore[arg-type]
    finally:
        source.close()
    assert open_lake(lake).next_offset(place) == count


def _fullest(published: Published) -> tuple[tuple[str, int], int]:
    counts: dict[tuple[str, int], int] = {}
    for topic, partition, _ in published.values:
        counts[topic, partition] = counts.get((topic, partition), 0) + 1
    return max(counts.items(), key=lambda item: item[1])


def test_two_processes_share_one_broker_and_the_last_stops_it(tmp_path: Path) -> None:
    """The second process gets the first one's broker, which lives until both have left, whoever started it."""
    with user_of(tmp_path) as (_, second):
        with user_of(tmp_path) as (_, first):
            assert first == second
        assert answers(second)
    assert not answers(second)
    assert not (tmp_path / "broker.json").exists()


def test_killed_users_broker_is_adopted(tmp_path: Path) -> None:
    """A user killed with -9 leaves its broker behind; the next one uses it, and stops it."""
    with user_of(tmp_path) as (child, left):
        child.kill()
        child.wait(10)
        assert answers(left)
        with user_of(tmp_path) as (_, adopted):
            assert adopted == left
        assert not answers(left)


def test_killed_broker_is_replaced(tmp_path: Path) -> None:
    """A broker that died with its users still there is started anew for the next one."""
    with user_of(tmp_path) as (_, dead):
        kill_broker(tmp_path)
        deadline = monotonic() + 90
        while answers(dead):
            assert monotonic() < deadline
            sleep(0.01)
        with user_of(tmp_path) as (_, fresh):
            assert answers(fresh)
    assert not answers(fresh)


def test_nonsense_in_the_state_file_is_no_broker(tmp_path: Path) -> None:
    """A state file that cannot be read, or that names some other process, is as good as none."""
    for text in ("", "{", "[]", '{"pid": 1}', json.dumps({"pid": os.getpid(), "started": "0", "port": 1})):
        (tmp_path / "broker.json").write_text(text)
        with embedded_broker(tmp_path) as address:
            assert answers(address)


def test_folder_that_cannot_be_names_the_home(tmp_path: Path) -> None:
    """A state folder where a file is in the way is named with the setting to change."""
    (tmp_path / "file").write_text("")
    with (
        pytest.raises(OmninodeError, match=r"file/broker cannot be used: .*OMNINODE_HOME"),
        embedded_broker(tmp_path / "file" / "broker"),
    ):
        pass
