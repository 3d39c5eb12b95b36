"""Processes that re-admit dead letters are killed and doubled, beside a running ingest: every letter comes in once."""

import json
import signal
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from random import Random
from threading import Event, Thread
from time import monotonic, sleep
from uuid import UUID

import polars as pl
import pytest

from ingest.decode import Decoder
from ingest.errors import Fenced
from ingest.kinds import topics_of
from ingest.lake import open_lake
from ingest.micro_batch import READMISSIONS, Advance, MicroBatch
from ingest.schema import DEAD_LETTERS
from tests.command import CommandLine
from tests.lakes import PLACE, read_dead_letters, read_events
from tests.messages import ENVIRONMENT, batch, completed

_LETTERS = 45_000
_BATCH = 15_000
_KILLS = 6


@pytest.fixture
def command(tmp_path: Path) -> CommandLine:
    """A command line whose lake has letters that were from the future in 2020, and some that are no JSON."""
    lake = open_lake(str(tmp_path / "lake"))
    decoder = Decoder(topics_of(ENVIRONMENT))
    for first in range(0, _LETTERS, _BATCH):
        values = [completed(workflow_id=str(UUID(int=first + number))) for number in range(_BATCH - 1)]
        read = decoder.decode(
            batch([*values, b"{"], first_offset=first), now=datetime(2020, 1, 1, tzinfo=UTC), batch_id=f"batch {first}"
        )
        advances = {PLACE: Advance(first or None, first + _BATCH)}
        lake.append(MicroBatch(f"batch {first}", read.events, read.dead_letters, advances))
    assert read_dead_letters(lake.url).height == _LETTERS
    return CommandLine(tmp_path, {"OMNINODE_LAKE": lake.url, "OMNINODE_ENV": ENVIRONMENT})


@contextmanager
def ingesting(url: str) -> Iterator[list[int]]:
    """Commit small micro-batches of another partition all the while; yield the list of their offsets."""
    place, stop = PLACE._replace(topic="test.other", partition=0), Event()
    done: list[int] = []
    events = Decoder(topics_of(ENVIRONMENT)).decode(batch([completed()]), now=datetime.now(UTC), batch_id="").events

    def run() -> None:
        lake = open_lake(url)
        while not stop.wait(0.02):
            offset = len(done)
            name = f"beside {offset}"
            rows = events.with_columns(
                offset=pl.lit(offset, pl.Int64), topic=pl.lit(place.topic), batch_id=pl.lit(name)
            )
            advance = Advance(offset or None, offset + 1)
            try:
                lake.append(MicroBatch(name, rows, pl.DataFrame(schema=DEAD_LETTERS), {place: advance}))
            except Fenced:  # the table has got a column; a real ingest looks again, as well
                lake.refresh()
            else:
                done.append(offset)

    thread = Thread(target=run)
    thread.start()
    try:
        yield done
    finally:
        stop.set()
        thread.join()


def test_killed_and_doubled_processes_bring_in_each_letter_once(command: CommandLine, tmp_path: Path) -> None:
    """Kills at random moments, then two processes at once: each accepted letter is one event, in its old place."""
    url = str(tmp_path / "lake")
    rng = Random(7)
    killed = 0
    with ingesting(url) as beside:
        for _ in range(_KILLS):
            with command.running("dead-letters", "replay") as process:
                _wait_for_more(url, process.poll)
                sleep(rng.uniform(0.0, 0.15))
                killed += process.poll() is None
                process.send_signal(signal.SIGKILL)
                process.wait(10)
        arguments = ("dead-letters", "replay", "--format", "json")
        with command.running(*arguments) as one, command.running(*arguments) as other:
            printed = [process.communicate(timeout=120) for process in (one, other)]
            assert (one.returncode, other.returncode) == (0, 0), printed
    assert killed > 0

    bad = _LETTERS // _BATCH
    for out, _ in printed:
        assert {row["outcome"]: row["letters"] for row in json.loads(out)}["still refused: invalid_json"] == bad
    events = read_events(url)
    in_place = events.filter(pl.col("topic") == PLACE.topic)
    expected = read_dead_letters(url).filter(pl.col("reason") == "future_time")
    key = ["topic", "partition", "offset"]
    assert in_place.sort("offset").select(key).equals(expected.sort("offset").select(key))
    assert in_place["event_id"].n_unique() == _LETTERS - bad
    assert open_lake(url).next_offset(READMISSIONS) == _LETTERS - bad
    assert sorted(events.filter(pl.col("topic") == "test.other")["offset"]) == beside


def _wait_for_more(url: str, poll: Callable[[], int | None]) -> None:
    """Wait until the process has looked into the lake or committed something, or has ended."""
    before, deadline = open_lake(url).next_offset(READMISSIONS), monotonic() + 90
    while poll() is None and monotonic() < deadline and open_lake(url).next_offset(READMISSIONS) == before:
        sleep(0.01)
