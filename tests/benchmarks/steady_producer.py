"""A producer that keeps an even rate, in a process of its own."""

from collections.abc import Sequence
from datetime import timedelta
from pathlib import Path
from time import perf_counter, sleep, time
from typing import NamedTuple

from confluent_kafka import KafkaError, Message, Producer

from ingest.kafka import KafkaSettings
from ingest.kinds import topic_of
from tests.benchmarks.guide_events import EVENTS_PER_WORKFLOW, guide_events
from tests.benchmarks.harness import NotMeasured
from tests.benchmarks.million import START

_STEP_SECONDS = 0.01
_PATIENCE_SECONDS = 60.0
#: topic, value, key
_Made = tuple[str, bytes, bytes | None]


class Sent(NamedTuple):
    """What was really sent."""

    messages: int
    seconds: float
    #: How far behind its timetable the producer was at the worst.
    behind_seconds: float


def produce_steadily(settings: KafkaSettings, *, rate: int, seconds: int, ready: Path) -> Sent:
    """Send so many events a second once the file `ready` is there, each stamped with the time at which it is sent."""
    events = _made(settings, rate * seconds)
    failures: list[KafkaError] = []

    def note(error: KafkaError | None, _: Message) -> None:
        if error is not None:
            failures.append(error)

    producer = settings.made(Producer, enable_idempotence=True, linger_ms=5, queue_buffering_max_messages=500_000)
    _wait_for(ready)
    began, behind, sent = perf_counter(), 0.0, 0
    while sent < len(events):
        elapsed = perf_counter() - began
        behind = max(behind, elapsed - sent / rate)
        due = min(int(elapsed * rate) + 1, len(events))
        for topic, value, key in events[sent:due]:
            producer.produce(topic, value, key, timestamp=int(time() * 1000), on_delivery=note)
        sent = due
        producer.poll(0)
        sleep(_STEP_SECONDS)
    took = perf_counter() - began
    left = producer.flush(_PATIENCE_SECONDS)
    if failures or left:
        raise NotMeasured(f"{len(failures) + left} of {sent} messages were not acknowledged")
    return Sent(sent, took, behind)


def _made(settings: KafkaSettings, count: int) -> Sequence[_Made]:
    """Make the events beforehand: what making costs does not weigh on the measurement."""
    workflows = -(-count // EVENTS_PER_WORKFLOW)
    made = guide_events(workflows=workflows, seed=3, start=START, period=timedelta(hours=1))
    return [(topic_of(event.kind, settings.environment), event.value, event.key) for event in made][:count]


def _wait_for(ready: Path) -> None:
    deadline = perf_counter() + _PATIENCE_SECONDS
    while not ready.exists():
        if perf_counter() > deadline:
            raise NotMeasured("the ingest did not begin")
        sleep(0.02)
