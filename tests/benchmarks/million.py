"""The stream that reading is measured on: a million clean events as the guide shows them, and more of the same."""

from collections.abc import Iterable, Iterator
from datetime import UTC, datetime, timedelta

from ingest.producer import Outgoing
from tests.benchmarks.guide_events import guide_events

START = datetime(2025, 9, 29, 12, tzinfo=UTC)
_WORKFLOWS = 131_250


def million_events(*, times: int = 1, seed: int = 1) -> Iterator[Outgoing]:
    """Yield 1.05 million events of one day that crosses midnight, or so many times as many of the same day."""
    return guide_events(workflows=times * _WORKFLOWS, seed=seed, start=START, period=timedelta(days=1))


def undated(messages: Iterable[Outgoing]) -> Iterator[Outgoing]:
    """Leave the messages' timestamps to Kafka: a broker that keeps a week would remove such old ones at once."""
    return (message._replace(timestamp=None) for message in messages)
