"""Ingest's memory over very many events: the last quarter takes no more than the second."""

import signal
import subprocess
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from itertools import islice
from pathlib import Path
from random import Random
from threading import Event, Thread
from time import monotonic, sleep
from uuid import UUID

import polars as pl
from confluent_kafka import Producer

from ingest.kinds import EventKind, topic_of
from ingest.lake import open_lake
from ingest.producer import Outgoing
from tests.benchmarks.guide_events import EVENTS_PER_WORKFLOW, guide_events
from tests.lakes import read_dead_letters
from tests.soak.rig import Rig

_POOL_WORKFLOWS = 2_000
#: The producer waits for ingest when it is this far ahead.
_AHEAD = 1_000_000
_QUARTERS = 4
_ALLOWED = 1.1
_STALLED_SECONDS = 120.0
_START = datetime(2025, 10, 1, tzinfo=UTC)


@dataclass(slots=True)
class Memory:
    """Watches the resident memory of a process; the highest in MB since the last `take`."""

    pid: int
    _highest: float = field(init=False, default=0.0)
    _stop: Event = field(init=False, default_factory=Event)

    def watch(self) -> None:
        """Look five times a second until `stop`."""
        while not self._stop.wait(0.2):
            self._highest = max(self._highest, resident_mb(self.pid))

    def take(self) -> float:
        """Return the highest, and begin anew."""
        highest, self._highest = self._highest, 0.0
        return highest

    def stop(self) -> None:
        """End `watch`."""
        self._stop.set()


def resident_mb(pid: int) -> float:
    """Read the resident memory of a process; 0 when it is gone."""
    try:
        status = Path(f"/proc/{pid}/status").read_text()
    except OSError:
        return 0.0
    return next((int(line.split()[1]) / 1024 for line in status.splitlines() if line.startswith("VmRSS:")), 0.0)


def stays_flat(rig: Rig, rng: Random, *, events: int) -> str:
    """Publish so many events and ingest them meanwhile; compare the peaks of the quarters, and count the offsets."""
    process = rig.start()
    memory = Memory(process.pid)
    watcher = Thread(target=memory.watch, name="memory")
    watcher.start()
    try:
        peaks = _by_quarter(rig, process, memory, rng, events)
    finally:
        memory.stop()
        watcher.join()
    rig.end(process, signal.SIGTERM)
    told = ", ".join(f"{peak:.0f}" for peak in peaks)
    assert peaks[-1] <= peaks[1] * _ALLOWED, f"memory grew: {told} MB by quarter"
    return f"{_counted(rig.lake, events)}; peaks of memory by quarter: {told} MB"


def _by_quarter(rig: Rig, process: "subprocess.Popen[bytes]", memory: Memory, rng: Random, events: int) -> list[float]:
    producer = Producer(rig.kafka.client(enable_idempotence=True, linger_ms=20, queue_buffering_max_messages=500_000))
    messages, peaks, sent = _messages(rng), [], 0
    for quarter in range(1, _QUARTERS + 1):
        while sent < events * quarter // _QUARTERS:
            count = min(100_000, events * quarter // _QUARTERS - sent)
            _publish(producer, rig.kafka.environment, messages, count)
            sent += count
            _wait_for(rig, process, sent - _AHEAD)
        _wait_for(rig, process, sent)
        peaks.append(memory.take())
        rig.say(f"{sent:,} events, peak of this quarter {peaks[-1]:.0f} MB")
    return peaks


def _messages(rng: Random) -> Iterator[tuple[EventKind, bytes, bytes]]:
    """Yield kind, key and value without end: the same events over and over, each time of other workflows."""
    made = guide_events(workflows=_POOL_WORKFLOWS, seed=1, start=_START, period=timedelta(days=7))
    pool = [(message.kind, *_around(message)) for message in made]
    while True:
        for number, (kind, before, after) in enumerate(pool):
            if number % EVENTS_PER_WORKFLOW == 0:
                workflow_id = str(UUID(int=rng.getrandbits(128), version=4)).encode()
            yield kind, workflow_id, before + workflow_id + after


def _around(message: Outgoing) -> tuple[bytes, bytes]:
    """Cut the workflow's id out of an event."""
    before, _, after = message.value.partition(message.key or b"")
    return before, after


def _publish(
    producer: Producer, environment: str, messages: Iterator[tuple[EventKind, bytes, bytes]], count: int
) -> None:
    topics = {kind: topic_of(kind, environment) for kind in EventKind}
    for number, (kind, key, value) in enumerate(islice(messages, count)):
        if number % 1_000 == 0:
            producer.poll(0)
        while True:
            try:
                producer.produce(topics[kind], value, key)
                break
            except BufferError:
                producer.poll(0.1)
    assert producer.flush(60) == 0, "Kafka did not take everything"


def _wait_for(rig: Rig, process: "subprocess.Popen[bytes]", events: int) -> None:
    """Wait until the lake has so many events; fail when it stands still."""
    seen, deadline = -1, monotonic() + _STALLED_SECONDS
    while (held := _rows(rig.lake)) < events:
        rig.check_running(process)
        if held > seen:
            seen, deadline = held, monotonic() + _STALLED_SECONDS
        assert monotonic() < deadline, f"ingest stands still at {held:,} events"
        sleep(1)


def _rows(lake: str) -> int:
    count: int = open_lake(lake).read().events.select(pl.len()).collect().item()
    return count


def _counted(lake: str, events: int) -> str:
    """Fail unless the lake has each offset of each partition from 0 on just once, and nothing was refused."""
    places = open_lake(lake).read().events.select("topic", "partition", "offset")
    total = 0
    for topic, partition in places.select("topic", "partition").unique().collect().iter_rows():
        mine = (pl.col("topic") == topic) & (pl.col("partition") == partition)
        offsets = places.filter(mine).select("offset").collect().to_series()
        highest, different = offsets.max(), offsets.n_unique()
        told = f"{topic} {partition}: {offsets.len()} events, {different} offsets, up to {highest!r}"
        assert highest == different - 1 == offsets.len() - 1, told
        total += offsets.len()
    assert total == events, f"{events:,} events published, {total:,} in the lake"
    assert read_dead_letters(lake).is_empty()
    return f"{total:,} events: 0 lost, 0 doubled"
