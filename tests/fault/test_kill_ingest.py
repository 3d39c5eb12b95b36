"""The ingesting process is killed, stopped and doubled in mid-stream: every message is in the lake exactly once."""

import signal
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from itertools import takewhile
from pathlib import Path
from random import Random
from threading import Event
from time import monotonic, sleep

import pytest

from ingest.kafka import KafkaSettings
from ingest.lake import open_lake
from tests.command import PATIENCE_SECONDS, CommandLine
from tests.lakes import read_dead_letters, read_events
from tests.published import Published, believable

KILLS = 4


@pytest.fixture
def command(tmp_path: Path, kafka: KafkaSettings) -> CommandLine:
    """The command line with a test's own broker and lake."""
    variables = {
        "OMNINODE_HOME": str(tmp_path / "home"),
        "OMNINODE_ENV": kafka.environment,
        "OMNINODE_KAFKA_BOOTSTRAP_SERVERS": kafka.bootstrap_servers,
        "OMNINODE_LAKE": str(tmp_path / "lake"),
    }
    return CommandLine(tmp_path, variables)


@pytest.fixture
def published(kafka: KafkaSettings) -> Published:
    return Published(kafka)


@contextmanager
def publishing(published: Published, *, pause_seconds: float) -> Iterator[None]:
    """Publish in the background until the end of the block, 500 messages between two pauses."""
    over = Event()
    messages = takewhile(lambda _: not over.is_set(), believable(workflows=100_000))
    with ThreadPoolExecutor(1) as executor:
        publisher = executor.submit(published.publish, messages, pause_seconds=pause_seconds, pause_every=500)
        try:
            yield
        finally:
            over.set()
        publisher.result(PATIENCE_SECONDS)


def wait_for_version(lake: str, version: int) -> None:
    """Wait until somebody has committed this version."""
    deadline = monotonic() + 90
    while open_lake(lake).version < version:
        assert monotonic() < deadline, "nothing was committed"
        sleep(0.02)


@pytest.mark.parametrize("seed", [1, 2])
def test_killed_ingest_neither_loses_nor_doubles(
    command: CommandLine, published: Published, tmp_path: Path, seed: int
) -> None:
    """Killed with -9 at random moments of a stream and started again, ingest keeps each message exactly once."""
    rng, lake = Random(seed), str(tmp_path / "lake")
    version = open_lake(lake).version
    with publishing(published, pause_seconds=0.2):
        for _ in range(KILLS):
            with command.running("ingest", "--all-partitions") as process:
                wait_for_version(lake, version + 1)
                sleep(rng.uniform(0.0, 0.6))
                assert process.poll() is None
                process.send_signal(signal.SIGKILL)
                process.wait(10)
            version = open_lake(lake).version
    command.done("ingest", "--until-end")

    published.assert_in_lake(lake)


def test_sigterm_commits_what_was_fetched(command: CommandLine, published: Published, tmp_path: Path) -> None:
    """SIGTERM ends ingest with exit code 0; what it says it took is in the lake, and the next goes on from there."""
    lake = str(tmp_path / "lake")
    with (
        publishing(published, pause_seconds=0.1),
        command.running("ingest", "--all-partitions", "--format", "csv") as process,
    ):
        wait_for_version(lake, 1)
        process.send_signal(signal.SIGTERM)
        printed, complaint = process.communicate(timeout=PATIENCE_SECONDS)
        assert process.returncode == 0, complaint

        told = {name: int(count) for name, count in (line.split(",") for line in printed.splitlines()[1:])}
        assert told.pop("accepted") == read_events(lake).height
        assert sum(told.values()) == read_dead_letters(lake).height
    command.done("ingest", "--until-end")

    published.assert_in_lake(lake)


def test_two_ingestors_on_one_lake_neither_lose_nor_double(
    command: CommandLine, published: Published, tmp_path: Path
) -> None:
    """Two processes that ingest the same topics into one lake fence each other off, and both go on."""
    lake = str(tmp_path / "lake")
    open_lake(lake)
    with command.running("ingest", "--all-partitions") as one, command.running("ingest", "--all-partitions") as other:
        with publishing(published, pause_seconds=0.1):
            wait_for_version(lake, 3)
        sleep(0.5)
        for process in (one, other):
            assert process.poll() is None
            process.send_signal(signal.SIGTERM)
        for process in (one, other):
            _, complaint = process.communicate(timeout=PATIENCE_SECONDS)
            assert process.returncode == 0, complaint
    command.done("ingest", "--until-end")

    published.assert_in_lake(lake)


def test_two_ingestors_until_the_end_leave_nothing_out(
    command: CommandLine, published: Published, tmp_path: Path
) -> None:
    """Who is fenced off before the end of the topics reads on: when both have ended, everything is in the lake."""
    published.publish(believable(workflows=500))
    with command.running("ingest", "--until-end") as one, command.running("ingest", "--until-end") as other:
        for process in (one, other):
            _, complaint = process.communicate(timeout=60)
            assert process.returncode == 0, complaint

    published.assert_in_lake(str(tmp_path / "lake"))
