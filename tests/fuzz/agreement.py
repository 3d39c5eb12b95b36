"""Compare the decoder with the reference: the two whole frames that it makes, every column of every row."""

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import uuid5

import polars as pl

from ingest.decode import Decoded, Decoder
from ingest.decode_one import decode_one
from ingest.identity import NAMESPACE
from ingest.kinds import topics_of
from ingest.limits import Limits
from ingest.messages import Messages
from ingest.reasons import Rejection
from ingest.schema import DEAD_LETTERS, EVENTS
from tests.fuzz.messages import Sent
from tests.messages import ENVIRONMENT, NOW

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_TOPICS = topics_of(ENVIRONMENT)
_LIMITS = Limits()
_BATCH = "batch"
#: Only for the second opinion on a bad batch: how many rows that differ are worth showing.
_SHOWN = 3
#: A panic of Polars is no `Exception`.
_ANYTHING = (Exception, pl.exceptions.PanicException)


def received(sent: Sequence[Sent]) -> Messages:
    """The messages as one batch; the offset of each is its place."""
    return Messages(
        topics=[one.topic for one in sent],
        partitions=[one.partition for one in sent],
        offsets=list(range(len(sent))),
        timestamps_ms=[one.timestamp_ms for one in sent],
        values=[one.value for one in sent],
        keys=[one.key for one in sent],
        headers=[one.headers for one in sent],
    )


def decoded(sent: Sequence[Sent]) -> Decoded:
    """What the decoder makes of them, in the order of their offsets."""
    made = Decoder(_TOPICS, _LIMITS).decode(received(sent), now=NOW, batch_id=_BATCH)
    return Decoded(made.events.sort("offset"), made.dead_letters.sort("offset"))


def expected(sent: Sequence[Sent]) -> Decoded:
    """What the reference makes of them, one by one; the identity is the standard library's."""
    events, letters = [], []
    for offset, one in enumerate(sent):
        kafka_time = _instant(one.timestamp_ms)
        told = decode_one(one.value, _TOPICS.get(one.topic), kafka_time, now=NOW, limits=_LIMITS)
        row = {"topic": one.topic, "partition": one.partition, "offset": offset}
        if isinstance(told, Rejection):
            letters.append(row | _letter(one, kafka_time, told))
        else:
            events.append(row | told | {"event_id": told["event_id"] or _identity(told)})
    arrival = {"ingested_at": pl.lit(NOW, EVENTS["ingested_at"]), "batch_id": pl.lit(_BATCH)}
    return Decoded(
        _frame(events, EVENTS).with_columns(event_date=pl.col("event_time").dt.date(), **arrival),
        _frame(letters, DEAD_LETTERS).with_columns(ingested_date=pl.lit(NOW.date()), **arrival),
    )


def agreed(sent: Sequence[Sent]) -> Decoded | None:
    """Return what the decoder makes of a batch, None if the reference makes something else of it, or the decoder fails.

    It must raise nothing at all, whatever a message holds.
    """
    try:
        made = decoded(sent)
    except _ANYTHING:
        return None
    told = expected(sent)
    return made if _same(made.events, told.events) and _same(made.dead_letters, told.dead_letters) else None


def differences(sent: Sequence[Sent]) -> str:
    """Say in words where they differ, for the few messages that are left after shrinking."""
    try:
        made = decoded(sent)
    except _ANYTHING as error:
        return f"the decoder raised {error!r}"
    told = expected(sent)
    lines = []
    for offset in range(len(sent)):
        ours, theirs = (_rows(each, offset) for each in (made, told))
        if repr(ours) != repr(theirs):
            lines.append(f"message {offset}:\n" + "\n".join(_unlike(ours, theirs)))
    return "\n".join(lines[:_SHOWN]) or "the columns' types"


def _same(ours: pl.DataFrame, theirs: pl.DataFrame) -> bool:
    return ours.schema == theirs.schema and ours.equals(theirs)


def _rows(made: Decoded, offset: int) -> list[dict[str, Any]]:
    frames = (made.events, made.dead_letters)
    return [row for frame in frames for row in frame.filter(pl.col("offset") == offset).to_dicts()]


def _unlike(ours: list[dict[str, Any]], theirs: list[dict[str, Any]]) -> list[str]:
    if len(ours) != 1 or ours[0].keys() != theirs[0].keys():
        return [f"  decoder: {ours}", f"  reference: {theirs}"]
    mine, other = ours[0], theirs[0]
    return [
        f"  {name}: {mine[name]!r}, the reference says {other[name]!r}" for name in mine if mine[name] != other[name]
    ]


def _frame(rows: list[dict[str, Any]], schema: pl.Schema) -> pl.DataFrame:
    # Column by column, which takes a third of the time.
    return pl.DataFrame(
        [pl.Series(name, [row.get(name) for row in rows], dtype=dtype, strict=True) for name, dtype in schema.items()]
    )


def _letter(one: Sent, kafka_time: datetime | None, told: Rejection) -> dict[str, Any]:
    return {
        "kafka_time": kafka_time,
        "key": _bytes(one.key),
        "headers": [{"name": name, "value": _bytes(value)} for name, value in one.headers or []],
        "value": one.value,
        "reason": told.reason.value,
        "detail": told.detail,
    }


def _bytes(value: bytes | str | None) -> bytes | None:
    return value.encode() if isinstance(value, str) else value


def _instant(milliseconds: int | None) -> datetime | None:
    """Kafka's time; a producer may have set any number, and what is no date is no time."""
    try:
        return None if milliseconds is None else _EPOCH + timedelta(milliseconds=milliseconds)
    except OverflowError:
        return None


def _identity(facts: dict[str, Any]) -> str:
    stage = facts.get("stage_number")
    microseconds = (facts["event_time"] - _EPOCH) // timedelta(microseconds=1)
    named = ("" if stage is None else stage, facts.get("stage_name") or "", microseconds)
    return str(uuid5(NAMESPACE, "|".join(map(str, (facts["workflow_id"], facts["kind"], facts["attempt"], *named)))))
