"""Ingest is killed with -9, again and again, in every phase of its life."""

import signal
import subprocess
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from random import Random
from time import monotonic, sleep

import polars as pl

from ingest.lake import open_lake
from tests.lakes import read_dead_letters, read_events
from tests.soak.rig import Rig, Stream

#: An ingest that is not there after this long will not come.
_PATIENCE_SECONDS = 60.0
#: How long a start takes at most, roughly: a kill at random until then meets every part of it.
_START_SECONDS = 2.5
_QUIET_SECONDS = 1.5

#: Wait for the right moment to kill the process.
Moment = Callable[[Rig, Stream, Random, "subprocess.Popen[bytes]"], None]


def _starting(_: Rig, __: Stream, rng: Random, ___: "subprocess.Popen[bytes]") -> None:
    sleep(rng.uniform(0.0, _START_SECONDS))


def _before_the_first_commit(rig: Rig, _: Stream, rng: Random, process: "subprocess.Popen[bytes]") -> None:
    """Connected to Kafka, and nothing of its own in the lake; a little later now and then."""
    began = monotonic()
    while not _has_connected(process.pid) and monotonic() - began < _PATIENCE_SECONDS:
        rig.check_running(process)
        sleep(0.005)
    sleep(rng.uniform(0.0, 0.3))


def _in_the_stream(rig: Rig, _: Stream, rng: Random, __: "subprocess.Popen[bytes]") -> None:
    rig.wait_for_commit()
    sleep(rng.uniform(0.0, 1.0))


def _between_dead_letters_and_events(rig: Rig, _: Stream, rng: Random, process: "subprocess.Popen[bytes]") -> None:
    """The dead letters of a micro-batch are committed, and its events most likely not yet."""
    log = Path(rig.lake) / "dead_letters" / "_delta_log"
    before, began = _commits(log), monotonic()
    while _commits(log) == before and monotonic() - began < _PATIENCE_SECONDS:
        rig.check_running(process)
        sleep(0.0005)
    sleep(rng.uniform(0.0, 0.004))


def _idle(rig: Rig, stream: Stream, rng: Random, _: "subprocess.Popen[bytes]") -> None:
    rig.wait_for_commit()
    stream.pause()
    sleep(_QUIET_SECONDS + rng.uniform(0.0, 0.3))


MOMENTS: dict[str, Moment] = {
    "starting": _starting,
    "before the first commit": _before_the_first_commit,
    "in the stream": _in_the_stream,
    "between dead letters and events": _between_dead_letters_and_events,
    "idle": _idle,
}


def killed_at_every_moment(rig: Rig, rng: Random, *, kills: int) -> str:
    """Kill so many ingests, one after the other, while messages are published; the moments take turns."""
    open_lake(rig.lake)
    met: Counter[str] = Counter()
    with rig.producing() as stream:
        for number in range(kills):
            name, moment = list(MOMENTS.items())[number % len(MOMENTS)]
            process = rig.start()
            moment(rig, stream, rng, process)
            rig.end(process, signal.SIGKILL)
            stream.resume()
            met[name] += 1
            if (number + 1) % 10 == 0:
                rig.say(f"{number + 1} kills, {len(rig.published.values):,} messages published")
    rig.finish()
    met["commits left half done"] = _half_done(rig.lake)
    return ", ".join(f"{count} {name}" for name, count in met.items())


def _half_done(lake: str) -> int:
    """Count the micro-batches of which only the dead letters came into the lake, so that another one took them over."""
    whole = read_events(lake)["batch_id"].unique()
    return read_dead_letters(lake).filter(~pl.col("batch_id").is_in(whole.implode()))["batch_id"].n_unique()


def _commits(log: Path) -> int:
    return sum(1 for entry in log.iterdir() if entry.suffix == ".json")


def _has_connected(pid: int) -> bool:
    """Tell whether the process has a socket."""
    try:
        return any(str(entry.readlink()).startswith("socket:") for entry in Path(f"/proc/{pid}/fd").iterdir())
    except OSError:
        return False
