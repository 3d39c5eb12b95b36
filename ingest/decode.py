"""Messages in; events and dead letters out. The fast way for nearly all, the slow and exact way for the rest."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any, cast

import polars as pl

from ingest.columnar import RAW, WIRE, facts_of, looks_readable, read_lines
from ingest.decode_one import decode_one
from ingest.identity import with_identity
from ingest.kinds import EventKind
from ingest.limits import Limits
from ingest.messages import Messages
from ingest.reasons import Rejection
from ingest.schema import DEAD_LETTERS, EVENTS, FACTS, POSITION, TIMESTAMP

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


@dataclass(frozen=True, slots=True)
class Decoder:
    """Reads messages by the contracts; every message becomes one event or one dead letter."""

    topics: Mapping[str, EventKind]
    limits: Limits = field(default_factory=Limits)

    def decode(self, messages: Messages, *, now: datetime, batch_id: str) -> Decoded:
        """Decode a micro-batch that came in at `now`. Raises nothing for any content of a message."""
        received = _positions(messages)
        wire, unreadable = self._read(messages)
        facts = self._facts(wire, received, now)
        trusted = facts.filter("trusted").drop("trusted")
        doubtful = facts.filter(~pl.col("trusted"))["row"].to_list()
        return self._collected(messages, received, trusted, sorted(unreadable + doubtful), now=now, batch_id=batch_id)

    def _read(self, messages: Messages) -> tuple[pl.DataFrame, list[int]]:
        """Read what can be read at once, with the `row` of each message; return the rows of the others besides."""
        fit, values = _fitting(messages.values, self.limits.max_message_bytes)
        unreadable = sorted(set(range(len(messages))).difference(fit)) if len(fit) < len(messages) else []
        pieces: list[pl.DataFrame] = []
        for indexes, frame in _pieces(values):
            rows = fit if len(indexes) == len(fit) else [fit[index] for index in indexes]
            if frame is None:
                unreadable += rows
            else:
                pieces.append(frame.with_columns(pl.Series("row", rows, dtype=pl.UInt32)))
        return pl.concat(pieces) if pieces else pl.DataFrame(schema={**WIRE, **RAW, "row": pl.UInt32}), unreadable

    def _facts(self, wire: pl.DataFrame, received: pl.DataFrame, now: datetime) -> pl.DataFrame:
        context = received if wire.height == received.height else received[wire["row"]]
        kind = context["topic"].replace_strict(self.topics, default=None, return_dtype=pl.String)
        frame = wire.with_columns(context["kafka_time"], kind.alias("kind_of_topic"))
        return facts_of(frame, now=now, limits=self.limits).with_columns(wire["row"])

    def _collected(
        self,
        messages: Messages,
        received: pl.DataFrame,
        trusted: pl.DataFrame,
        others: list[int],
        *,
        now: datetime,
        batch_id: str,
    ) -> Decoded:
        rows, refused = self._one_by_one(messages, others, now)
        read = pl.DataFrame(rows, schema={**FACTS, "row": pl.UInt32})
        facts = with_identity(pl.concat([trusted, read]))
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


def _fitting(values: list[bytes | None], most: int) -> tuple[Sequence[int], list[bytes]]:
    """Return the values that are neither empty nor too large, nearly always all, and their indexes."""
    if all(values):
        known = cast("list[bytes]", values)
        if max(map(len, known), default=0) <= most:
            return range(len(known)), known
    fit = {index: value for index, value in enumerate(values) if value and len(value) <= most}
    return list(fit), list(fit.values())


def _pieces(values: list[bytes]) -> Iterator[tuple[Sequence[int], pl.DataFrame | None]]:
    """Read all at once or, if some of it is no JSON, what looks sound; yield indexes and what was read of them."""
    if not values:
        return
    frame = read_lines(values)
    if frame is not None:
        yield range(len(values)), frame
        return
    sound = [index for index, value in enumerate(values) if looks_readable(value)]
    yield sorted(set(range(len(values))).difference(sound)), None
    yield from _halved(values, sound)


def _halved(values: list[bytes], indexes: Sequence[int]) -> Iterator[tuple[Sequence[int], pl.DataFrame | None]]:
    """Read in as large pieces as can be: a piece with a bad message is halved, and the smallest are given up."""
    if not indexes:
        return
    frame = read_lines([values[index] for index in indexes])
    if frame is None and len(indexes) > _SMALLEST_PIECE:
        middle = len(indexes) // 2
        yield from _halved(values, indexes[:middle])
        yield from _halved(values, indexes[middle:])
    else:
        yield indexes, frame


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
