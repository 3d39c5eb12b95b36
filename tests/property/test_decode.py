"""The columnar decoder and the reference, which reads one message at a time, agree on every message."""

from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import uuid5

from hypothesis import HealthCheck, example, given, settings

from ingest.decode_one import decode_one
from ingest.identity import NAMESPACE
from ingest.kinds import EventKind, topic_of
from ingest.limits import Limits
from ingest.messages import Messages
from ingest.reasons import Rejection
from ingest.schema import FACTS
from ingest.wire import read_lines
from tests.messages import ENVIRONMENT, NOW, completed, decode
from tests.property.messages import Sent, batches

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_SLOW = [HealthCheck.too_slow, HealthCheck.data_too_large]


def received(sent: list[Sent]) -> Messages:
    """The messages as one batch; each message's offset is its place."""
    return Messages(
        topics=[topic_of(message.kind, ENVIRONMENT) for message in sent],
        partitions=[0] * len(sent),
        offsets=list(range(len(sent))),
        timestamps_ms=[message.milliseconds for message in sent],
        values=[message.value for message in sent],
        keys=[one.value[:3] for one in sent],
        headers=[[("length", b"%d" % len(one.value))] for one in sent],
    )


def reference(message: Sent) -> dict[str, Any] | Rejection:
    """Read one message by the contracts; the identity is the standard library's."""
    told = decode_one(message.value, message.kind, _time(message.milliseconds), now=NOW, limits=Limits())
    if isinstance(told, Rejection):
        return told
    assert told.keys() <= FACTS.keys()
    facts = dict.fromkeys(FACTS) | told
    return facts | {"event_id": facts["event_id"] or _identity(facts)}


def _time(milliseconds: int | None) -> datetime | None:
    return None if milliseconds is None or milliseconds > 10**14 else _EPOCH + timedelta(milliseconds=milliseconds)


def _identity(facts: dict[str, Any]) -> str:
    stage = "" if facts["stage_number"] is None else facts["stage_number"]
    microseconds = (facts["event_time"] - _EPOCH) // timedelta(microseconds=1)
    parts = [facts["workflow_id"], facts["kind"], facts["attempt"], stage, facts["stage_name"] or "", microseconds]
    return str(uuid5(NAMESPACE, "|".join(map(str, parts))))


def assert_agreement(sent: list[Sent]) -> None:
    """Every message is exactly one row, the reference's, at its own position."""
    decoded = decode(received(sent))
    events = {row["offset"]: row for row in decoded.events.to_dicts()}
    letters = {row["offset"]: row for row in decoded.dead_letters.to_dicts()}
    assert decoded.events.height + decoded.dead_letters.height == len(sent)
    for offset, message in enumerate(sent):
        expected = reference(message)
        if isinstance(expected, Rejection):
            letter = letters[offset]
            assert (letter["reason"], letter["detail"]) == (expected.reason.value, expected.detail)
            assert (letter["value"], letter["key"]) == (message.value or b"", message.value[:3])
            assert letter["headers"] == [{"name": "length", "value": b"%d" % len(message.value)}]
            row = letter
        else:
            row = events[offset]
            assert {name: row[name] for name in FACTS} == expected
        assert (row["topic"], row["partition"]) == (topic_of(message.kind, ENVIRONMENT), 0)


def _sent(value: bytes) -> Sent:
    return Sent(EventKind.COMPLETED, 1_761_300_000_250, value)


@settings(max_examples=400, deadline=None, suppress_health_check=_SLOW)
@given(batches())
@example([_sent(completed()), _sent(b" "), _sent(completed() * 2), _sent(completed(total_tokens=3))])
@example([_sent(completed(quality_score="0.5", node_type=7)), _sent(completed(quality_score=True))])
@example([_sent(completed()[:-1] + b',"total_cost_usd":0.3}'), _sent(completed()[:-1] + b',"x":1e999}')])
def test_batch_agrees_with_the_reference(sent: list[Sent]) -> None:
    """A mixed batch, read as the ingestor reads it, gives each message what the reference gives it."""
    assert_agreement(sent)


@settings(max_examples=400, deadline=None, suppress_health_check=_SLOW)
@given(batches(max_size=40))
def test_columnar_reading_agrees_with_the_reference(sent: list[Sent]) -> None:
    """Of messages that Polars can all read at once, each gets what the reference gives it: none is read by chance."""
    readable = [message for message in sent if read_lines([message.value]) is not None]
    assert read_lines([message.value for message in readable]) is not None or not readable
    assert_agreement(readable)
