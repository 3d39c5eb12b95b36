"""Messages in; events and dead letters out. The fast way for nearly all, the slow and exact way for the rest."""

import os
from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from functools import cache
from typing import Any, NamedTuple, cast

import polars as pl

from ingest.columnar import facts_of
from ingest.decode_one import decode_one
from ingest.identity import with_identity
from ingest.kinds import EventKind
from ingest.limits import Limits
from ingest.messages import Messages
from ingest.reasons import Rejection
from ingest.schema import DEAD_LETTERS, EVENTS, FACTS, POSITION, TIMESTAMP
from ingest.wire import Wire, look_readable, read_lines, wire_schema

#: Polars reads with all cores, but looks at what it read with one: so threads share a topic, each at least this many.
_SMALLEST_SHARE = 10_000
#: Fewer messages than this are read one by one rather than split further around a bad one.
_SMALLEST_PIECE = 64
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
#: The first and the last millisecond that are dates.
_MILLISECONDS = (
    (datetime.min.replace(tzinfo=UTC) - _EPOCH) // timedelta(milliseconds=1),
    (datetime.max.replace(tzinfo=UTC) - _EPOCH) // timedelta(milliseconds=1),
)


@dataclass(frozen=True, slots=True)
class Decoded:
    """What a micro-batch brings into the lake."""

    events: pl.DataFrame
    dead_letters: pl.DataFrame


class _Share(NamedTuple):
    """Some rows of one topic, which one thread reads; and, of all rows, the values and Kafka's times."""

    kind: EventKind
    rows: list[int]
    values: Sequence[bytes | None]
    kafka_times: pl.Series


@dataclass(frozen=True, slots=True)
class Decoder:
    """Reads messages by the contracts; every message becomes one event or one dead letter."""

    topics: Mapping[str, EventKind]
    limits: Limits = field(default_factory=Limits)

    def decode(self, messages: Messages, *, now: datetime, batch_id: str) -> Decoded:
        """Decode a micro-batch that came in at `now`. Raises nothing for any content of a message."""
        received = _positions(messages)
        shares = [
            _Share(self.topics[topic], rows, messages.values, received["kafka_time"])
            for topic, all_rows in _rows_by_topic(received["topic"]).items()
            if topic in self.topics
            for rows in _shares(all_rows)
        ]
        read = (_threads().map if len(shares) > 1 else map)(lambda share: list(self._trusted(share, now)), shares)
        trusted = [facts for pieces in read for facts in pieces]
        others: Sequence[int] = []
        if sum(facts.height for facts in trusted) < len(messages):
            others = sorted(set(range(len(messages))).difference(*(facts["row"] for facts in trusted)))
        return self._collected(messages, received, trusted, others, now=now, batch_id=batch_id)

    def _trusted(self, share: "_Share", now: datetime) -> Iterator[pl.DataFrame]:
        """Read messages of one topic at once; yield the facts of those that can be trusted, with their `row`."""
        rows, values = _fitting(share.rows, [share.values[row] for row in share.rows], self.limits.max_message_bytes)
        for indexes, wire in _pieces(values, wire_schema(share.kind, values)):
            whole = len(indexes) == len(rows)
            row = pl.Series("row", rows if whole else [rows[index] for index in indexes], dtype=pl.UInt32)
            facts = facts_of(wire, share.kafka_times.gather(row), share.kind, now=now, limits=self.limits)
            facts = facts.with_columns(row)
            yield with_identity((facts if facts["trusted"].all() else facts.filter("trusted")).drop("trusted"))

    def _collected(
        self,
        messages: Messages,
        received: pl.DataFrame,
        trusted: list[pl.DataFrame],
        others: Sequence[int],
        *,
        now: datetime,
        batch_id: str,
    ) -> Decoded:
        rows, refused = self._one_by_one(messages, others, now)
        read = pl.DataFrame(rows, schema={**FACTS, "row": pl.UInt32})
        facts = with_identity(pl.concat([*trusted, read]))
        arrival = {"ingested_at": pl.lit(now, dtype=TIMESTAMP), "batch_id": pl.lit(batch_id)}
        positions = received[facts["row"]].select(POSITION.keys())
        events = pl.concat([facts, positions], how="horizontal").with_columns(
            event_date=pl.col("event_time").dt.date(), **arrival
        )
        dead = pl.DataFrame(refused, schema={name: DEAD_LETTERS[name] for name in DEAD_LETTERS if name not in arrival})
        dead = dead.with_columns(ingested_date=pl.lit(now.date()), **arrival)
        return Decoded(events.select(EVENTS.names()), dead.select(DEAD_LETTERS.names()))

    def _one_by_one(
        self, messages: Messages, indexes: Sequence[int], now: datetime
    ) -> tuple[list[dict[str, Any]], list[dict[str, Any]]]:
        rows, refused = [], []
        for index in indexes:
            kind = self.topics.get(messages.topics[index])
            kafka_time = _instant(messages.timestamps_ms[index])
            result = decode_one(messages.values[index], kind, kafka_time, now=now, limits=self.limits)
            if isinstance(result, Rejection):
                refused.append(_dead_letter(messages, index, kafka_time, result))
            else:
                rows.append(result | {"row": index})
        return rows, refused


def _rows_by_topic(topics: pl.Series) -> dict[str, list[int]]:
    """Return the rows of each topic. Messages come in long runs of one topic, so there is little to do for each."""
    rows: dict[str, list[int]] = {}
    start = 0
    for length, topic in topics.rle().struct.unnest().iter_rows():
        rows.setdefault(topic, []).extend(range(start, start + length))
        start += length
    return rows


def _shares(rows: list[int]) -> Iterator[list[int]]:
    """Divide the rows of a topic among the threads."""
    count = min(max(len(rows) // _SMALLEST_SHARE, 1), _cores())
    size = -(-len(rows) // count)
    return (rows[start : start + size] for start in range(0, len(rows), size))


def _cores() -> int:
    return len(os.sched_getaffinity(0))


@cache
def _threads() -> ThreadPoolExecutor:
    return ThreadPoolExecutor(_cores(), thread_name_prefix="decode")


def _fitting(rows: list[int], values: list[bytes | None], most: int) -> tuple[list[int], list[bytes]]:
    """Leave out the values that are empty or too large, nearly always none."""
    if all(values):
        known = cast("list[bytes]", values)
        if max(map(len, known), default=0) <= most:
            return rows, known
    fit = {row: value for row, value in zip(rows, values, strict=True) if value and len(value) <= most}
    return list(fit), list(fit.values())


def _pieces(values: list[bytes], schema: pl.Schema) -> Iterator[tuple[Sequence[int], Wire]]:
    """Read all at once or, if some of it is no JSON, what looks sound; yield indexes and what was read of them."""
    if not values:
        return
    wire = read_lines(values, schema)
    if wire is not None:
        yield range(len(values)), wire
    else:
        sound = [index for index, looks in enumerate(look_readable(values)) if looks]
        yield from _halved(values, sound, schema)


def _halved(values: list[bytes], indexes: Sequence[int], schema: pl.Schema) -> Iterator[tuple[Sequence[int], Wire]]:
    """Read in as large pieces as can be: a piece with a bad message is halved, and the smallest are given up."""
    if not indexes:
        return
    wire = read_lines([values[index] for index in indexes], schema)
    if wire is not None:
        yield indexes, wire
    elif len(indexes) > _SMALLEST_PIECE:
        middle = len(indexes) // 2
        yield from _halved(values, indexes[:middle], schema)
        yield from _halved(values, indexes[middle:], schema)


def _positions(messages: Messages) -> pl.DataFrame:
    told = pl.Series("kafka_time", messages.timestamps_ms, dtype=pl.Int64)
    # A producer may set any number: what is no date, nobody told.
    milliseconds = told.set(~told.is_between(*_MILLISECONDS), None)
    return pl.DataFrame(
        {
            "topic": messages.topics,
            "partition": messages.partitions,
            "offset": messages.offsets,
            "kafka_time": milliseconds.cast(pl.Datetime("ms", "UTC")).cast(TIMESTAMP),
        },
        schema={**POSITION, "kafka_time": TIMESTAMP},
    )


def _instant(milliseconds: int | None) -> datetime | None:
    try:
        return None if milliseconds is None else _EPOCH + timedelta(milliseconds=milliseconds)
    except OverflowError:
        return None


def _dead_letter(messages: Messages, index: int, kafka_time: datetime | None, rejection: Rejection) -> dict[str, Any]:
    key, headers = messages.key_and_headers(index)
    return {
        "topic": messages.topics[index],
        "partition": messages.partitions[index],
        "offset": messages.offsets[index],
        "kafka_time": kafka_time,
        "key": key,
        "headers": [{"name": name, "value": value} for name, value in headers],
        "value": messages.values[index],
        "reason": rejection.reason.value,
        "detail": rejection.detail,
    }
