"""Generated messages: sound ones of both dialects, and all that can be wrong with one.

A message is spelled from tokens of JSON rather than from values, so that it can hold what no encoder would write.
"""

import json
from typing import NamedTuple

from hypothesis import strategies as st

from ingest.kinds import EVENT_TYPES, EventKind
from tests.messages import WORKFLOW


class Sent(NamedTuple):
    """One message: the topic's kind, Kafka's time in milliseconds, and the bytes."""

    kind: EventKind
    milliseconds: int | None
    value: bytes


Field = tuple[str, str]

_IDS = ["11111111-2222-4333-8444-555555555555", WORKFLOW.upper(), "evt-1", "x" * 36, "x" * 35, f"{{{'a' * 32}--}}"]
_NAMES = [
    "effect",
    " Effect",
    "API ",
    "données",
    "İ",
    "a b",
    "a:b",
    'a":"b',
    "\x7f",
    "x" * 255,
    "x" * 256,
    "",
    " ",
    "\t",
    "\x00",
]
_TIMES = [
    "2025-10-24T10:30:00Z",
    "2025-10-24T10:30:00.123456Z",
    "2025-10-24T10:30:00.123456789Z",
    "2025-10-24T10:30:00.1+00:00",
    "2025-10-24T10:30:00",
    "2025-10-24T10:30:00-00:00",
    "2025-10-24T10:30:00+02:00",
    "2025-10-24 10:30:00",
    "2025-10-24t10:30:00z",
    "2025-10-24",
    "2025-10-24T24:00:00Z",
    "2025-10-24T23:59:60Z",
    "2025-02-29T00:00:00Z",
    "2024-02-29T00:00:00Z",
    "2025-12-01T00:05:00Z",
    "2025-12-01T00:05:00.000001Z",
    "1999-12-31T23:59:59.999999Z",
    "2000-01-01T00:00:00Z",
    "0000-01-01T00:00:00Z",
    "9999-12-31T23:59:59-23:59",
    "12025-10-24T10:30:00Z",
    "٢٠٢٥-10-24T10:30:00Z",
    "",
    "now",
]
_NUMBERS = ["0", "-0", "-0.0", "0.0", "1", "1.0", "2.5", "1e3", "1E+2", "1e-7", "5e-324", "0.1", "0.30000000000000004"]
_COSTS = ["0.0000000005", "0.0000000015", "0.01234567895123", "999999.999999999", "1000000", "1000000.1", "0.123456789"]
_EDGES = ["1000", "1001", "10000", "10001", "1000000000000", "1000000000001", "316224000", "316224000.1", "0.6", "-1"]
#: What is no number, or none that JSON knows, or none that fits anywhere.
_WILD = [
    "1e999",
    "-1e999",
    "NaN",
    "Infinity",
    "01",
    "+1",
    "1.",
    ".5",
    "1" + "0" * 40,
    "1" + "0" * 400,
    "9007199254740993",
]
_OTHER = [
    "null",
    "true",
    "false",
    "True",
    "[]",
    "{}",
    "[1]",
    '["effect"]',
    '{"a":1}',
    '{"a":{"b":[null,"c"]}}',
    "",
    "'x'",
]
_SPELLINGS = [
    '"\\u0061pi"',
    '"\\ud83d\\ude00"',
    '"\\ud800"',
    '"a\\nb"',
    '"a\tb"',
    '"a\\qb"',
    '"\\"',
    '"a":"b"',
    '"😀"',
    '"1"',
    '"0.5"',
    '"true"',
]

_text = st.one_of(st.sampled_from(_NAMES), st.text(max_size=12)).map(lambda text: json.dumps(text, ensure_ascii=False))
_id = st.one_of(st.sampled_from([WORKFLOW, *_IDS]), st.uuids().map(str)).map(json.dumps)
_time = st.one_of(
    st.sampled_from(_TIMES),
    st.datetimes().map(lambda time: time.isoformat()),
    st.datetimes().map(lambda time: time.isoformat(timespec="milliseconds") + "Z"),
).map(json.dumps)
_number = st.one_of(
    st.sampled_from([*_NUMBERS, *_COSTS, *_EDGES]),
    st.floats(0, 1, allow_subnormal=True).map(repr),
    st.floats(0, 2e6).map(repr),
    st.decimals(0, 2, places=12).map(str),
    st.integers(0, 2000).map(str),
)
_boolean = st.sampled_from(["true", "false"])
_kind = st.sampled_from([*EVENT_TYPES, "NODE_GENERATION_PAUSED", "node_generation_started", ""]).map(json.dumps)
_hostile = st.one_of(st.sampled_from([*_WILD, *_OTHER, *_SPELLINGS, *_NUMBERS]), _text)

_COMMON = {
    "event_type": _kind,
    "event_id": _id,
    "correlation_id": _text,
    "timestamp": _time,
    "node_type": _text,
    "domain": _text,
    "primary_model": _text,
    "retry_count": _number,
}
_OWN = {
    EventKind.STARTED: {},
    EventKind.STAGE_COMPLETED: {
        "stage_name": _text,
        "stage_number": _number,
        "duration_ms": _number,
        "duration_seconds": _number,
        "success": _boolean,
        "tokens_consumed": _number,
        "cost_usd": _number,
    },
    EventKind.COMPLETED: {
        "total_duration_seconds": _number,
        "quality_score": _number,
        "total_tokens": _number,
        "total_cost_usd": _number,
    },
    EventKind.FAILED: {
        "failed_stage": _text,
        "error_code": _text,
        "error_message": _text,
        "partial_duration_seconds": _number,
        "total_tokens": _number,
        "total_cost_usd": _number,
    },
}
_ALL_FIELDS = sorted({"workflow_id", *_COMMON, *(name for fields in _OWN.values() for name in fields)})
_extra_names = st.sampled_from(
    ["", "note", "kind", "facts", "model_extra", "Node_Type", "node\\u005ftype", "a:b", "é", *_ALL_FIELDS]
)
_milliseconds = st.one_of(
    st.just(1_761_300_000_250),
    st.sampled_from([None, -1, 0, 946_684_799_999, 946_684_800_000, 1_764_547_500_000, 1_764_547_500_001, 2**63 - 1]),
)


@st.composite
def sound_fields(draw: st.DrawFn, kind: EventKind) -> list[Field]:
    """Draw fields that the kind knows, each with a value of its type, in any order."""
    known = _COMMON | _OWN[kind]
    names = draw(st.lists(st.sampled_from(sorted(known)), unique=True, max_size=8))
    fields = [(name, draw(known[name])) for name in names]
    return draw(st.permutations([("workflow_id", draw(st.just(json.dumps(WORKFLOW)) | _id)), *fields]))


@st.composite
def spoiled_fields(draw: st.DrawFn, kind: EventKind) -> list[Field]:
    """Spoil sound fields: other values, doubled fields, foreign fields, fields left out."""
    fields = list(draw(sound_fields(kind)))
    for _ in range(draw(st.integers(1, 3))):
        place = draw(st.integers(0, max(len(fields) - 1, 0)))
        match draw(st.sampled_from(["value", "double", "foreign", "leave out"])):
            case "value" if fields:
                fields[place] = (fields[place][0], draw(_hostile))
            case "double" if fields:
                fields.append((fields[place][0], draw(st.just(fields[place][1]) | _hostile)))
            case "foreign":
                fields.insert(place, (draw(_extra_names), draw(_hostile)))
            case "leave out" if fields:
                del fields[place]
    return fields


@st.composite
def spelled(draw: st.DrawFn, fields: list[Field]) -> bytes:
    """Spell the fields as an object, now and then with white space between the tokens."""
    blank = st.sampled_from(["", "", "", " ", "\t", "\r", "\n", "  \n "]) if draw(st.booleans()) else st.just("")
    members = (f'{draw(blank)}"{name}"{draw(blank)}:{draw(blank)}{token}{draw(blank)}' for name, token in fields)
    text = f"{draw(blank)}{{{','.join(members)}}}{draw(blank)}"
    return text.encode("utf-8", "replace")


@st.composite
def damaged(draw: st.DrawFn, message: bytes) -> bytes:
    """Damage the bytes: cut, flipped, wrapped, doubled, or not JSON at all."""
    place = draw(st.integers(0, max(len(message) - 1, 0)))
    whole = [b"", b" ", b"\n", b"null", b"7", b'"x"', b"[]", b"{}", b"\x00", b"\xff\xfe{}", b"\xef\xbb\xbf" + message]
    wrapped = [b"[" + message + b"]", message + message, message + b"\n" + message, message + b",", b"//\n" + message]
    byte = bytes([draw(st.integers(0, 255))])
    cut = [message[:place], message[:place] + byte + message[place + 1 :], message[:place] + byte + message[place:]]
    return draw(st.sampled_from([*whole, *wrapped, *cut, *cut, *cut]))


@st.composite
def messages(draw: st.DrawFn) -> Sent:
    """One message: as often sound as spoiled, and sometimes damaged."""
    kind = draw(st.sampled_from(EventKind))
    fields = draw(st.one_of(sound_fields(kind), spoiled_fields(kind)))
    value = draw(spelled(fields))
    if draw(st.integers(0, 9)) == 0:
        value = draw(damaged(value))
    return Sent(kind, draw(_milliseconds), value)


def batches(max_size: int = 12) -> st.SearchStrategy[list[Sent]]:
    """Draw some messages."""
    return st.lists(messages(), min_size=1, max_size=max_size)
