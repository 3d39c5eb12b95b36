"""A cap on dead letters: a bad deploy must stop ingest, not drain a topic into the dead letters."""

from collections import deque
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import NamedTuple

import polars as pl

from ingest.errors import TooManyDeadLetters


@dataclass(frozen=True, slots=True)
class DeadLetterCap:
    """At most this share of the latest messages of a topic may be refused. A share of 1 is no cap."""

    max_share: float = 0.5
    #: How many of the latest messages of each topic are looked at; of fewer than `least` nothing is concluded.
    window: int = 10_000
    least: int = 1_000


class _Counted(NamedTuple):
    messages: int
    refused: int


@dataclass(slots=True)
class RefusedShares:
    """Counts, topic by topic, how many of the latest messages were refused."""

    cap: DeadLetterCap
    _latest: dict[str, deque[_Counted]] = field(init=False, default_factory=dict)

    def check(self, events: pl.DataFrame, dead_letters: pl.DataFrame) -> None:
        """Add a micro-batch. Raises `TooManyDeadLetters` if a topic of it has come to more than its share.

        Of the two tables only the topics and, for the message, places and reasons of the refused are read.
        """
        if self.cap.max_share >= 1.0:
            return
        for topic, counted in _counts(events, dead_letters):
            latest = self._add(topic, counted)
            if (
                counted.refused
                and latest.messages >= self.cap.least
                and latest.refused > self.cap.max_share * latest.messages
            ):
                raise TooManyDeadLetters(_story(topic, latest, dead_letters, self.cap))

    def _add(self, topic: str, counted: _Counted) -> _Counted:
        latest = self._latest.setdefault(topic, deque())
        latest.append(counted)
        messages, refused = map(sum, zip(*latest, strict=True))
        while messages - latest[0].messages >= self.cap.window:
            oldest = latest.popleft()
            messages, refused = messages - oldest.messages, refused - oldest.refused
        return _Counted(messages, refused)


def _counts(events: pl.DataFrame, dead_letters: pl.DataFrame) -> Iterator[tuple[str, _Counted]]:
    accepted, refused = (
        dict(frame.group_by("topic").len().iter_rows()) if frame.height else {} for frame in (events, dead_letters)
    )
    for topic in sorted(accepted.keys() | refused.keys()):
        bad = refused.get(topic, 0)
        yield topic, _Counted(accepted.get(topic, 0) + bad, bad)


def _story(topic: str, latest: _Counted, dead_letters: pl.DataFrame, cap: DeadLetterCap) -> str:
    of_topic = dead_letters.filter(pl.col("topic") == topic)
    reason = of_topic["reason"].mode().sort()[0]
    example = of_topic.filter(pl.col("reason") == reason).row(0, named=True)
    return (
        f"topic {topic}: {latest.refused:,} of the latest {latest.messages:,} messages are refused, mostly as {reason} "
        f"(partition {example['partition']} offset {example['offset']}: {example['detail']}), more than the share of "
        f"{cap.max_share:g} that OMNINODE_DEAD_LETTER_CAP allows; they stay in Kafka: correct "
        "the producer or this program and start again, or set OMNINODE_DEAD_LETTER_CAP=1 to have all of them refused"
    )
