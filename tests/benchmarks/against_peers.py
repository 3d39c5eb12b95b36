"""Our ingest beside others that read the same topics of the same Apache Kafka to their end."""

import shutil
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from statistics import median
from typing import Any, NamedTuple

import pytest

from ingest.kafka import KafkaSettings, ensure_topics
from ingest.producer import publish
from tests.apache_kafka.cluster import apache_kafka
from tests.apache_kafka.jars import apache_kafka_jars
from tests.benchmarks.harness import NotMeasured, Result, interleaved, ratio_of_medians
from tests.benchmarks.kafka_sides import Reading, ingest
from tests.benchmarks.million import million_events, undated

_ROUNDS = 3
_OURS = "ingest"


class Published(NamedTuple):
    """Topics with all their messages."""

    settings: KafkaSettings
    messages: int


#: Reads everything and writes it to a new folder.
Peer = Callable[[Published, Path], Reading]


@contextmanager
def million_in_apache_kafka(folder: Path) -> Iterator[Published]:
    """Run Apache Kafka with a million events in it. Raises `NotMeasured` where it cannot be had."""
    try:
        jars = apache_kafka_jars()
    except pytest.skip.Exception as missing:
        raise NotMeasured(str(missing)) from None
    with apache_kafka(folder / "kafka", jars) as cluster:
        settings = cluster.settings("bench")
        ensure_topics(settings)
        yield Published(settings, publish(settings, undated(million_events())))


def against(peers: Mapping[str, Peer], folder: Path) -> Result:
    """Take ours and the peers in turn; the figure is ours over the first of them, in events/s."""
    readings: dict[str, list[Reading]] = {name: [] for name in (_OURS, *peers)}
    with million_in_apache_kafka(folder) as published:

        def rate(name: str, read: Peer) -> float:
            reading = _emptied(read, published, folder / "side")
            if reading.messages != published.messages:
                raise NotMeasured(f"{name} wrote {reading.messages} of {published.messages} messages")
            readings[name].append(reading)
            return reading.messages / reading.seconds

        sides = {_OURS: _ingest, **peers}
        rates = interleaved({name: partial(rate, name, read) for name, read in sides.items()}, rounds=_ROUNDS)
        messages = published.messages
    first = next(iter(peers))
    return Result(ratio_of_medians(rates[_OURS], rates[first]), {"messages": messages, **_detail(rates, readings)})


def _ingest(published: Published, folder: Path) -> Reading:
    return ingest(published.settings, folder)


def _emptied(peer: Peer, published: Published, folder: Path) -> Reading:
    try:
        return peer(published, folder)
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def _detail(rates: Mapping[str, list[float]], readings: Mapping[str, list[Reading]]) -> dict[str, Any]:
    ours = rates[_OURS]
    return {
        **{f"{name}_events_per_s": round(median(of)) for name, of in rates.items()},
        **{f"over_{name}": round(ratio_of_medians(ours, of), 2) for name, of in rates.items() if name != _OURS},
        **{f"{name}_peak_rss_mb": round(max(reading.rss_mb for reading in of)) for name, of in readings.items()},
        "rounds": _ROUNDS,
        **{f"{name}_rounds": [round(rate) for rate in of] for name, of in rates.items()},
    }
