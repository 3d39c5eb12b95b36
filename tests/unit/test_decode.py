"""A batch of messages: each becomes one event or one dead letter, whatever stands around it."""

import gzip
import zlib
from datetime import UTC, date, datetime
from decimal import Decimal
from itertools import islice

import polars as pl
import pytest

from ingest.columnar import facts_of
from ingest.decode import Decoder
from ingest.kinds import EventKind, topic_of, topics_of
from ingest.limits import Limits
from ingest.messages import Messages
from ingest.schema import DEAD_LETTERS, EVENTS, TIMESTAMP
from ingest.synthetic import synthetic_messages
from ingest.synthetic.malformed import FAULTS
from ingest.wire import read_lines, wire_schema
from tests.messages import ENVIRONMENT, GUIDE, NOW, PRODUCERS, SENT, batch, completed, decode, value

GOOD = completed()
BAD = GOOD[:-5]


@pytest.mark.parametrize("place", [0, 1, 149, 150, 299])
@pytest.mark.parametrize(
    "bad", [BAD, b"", None, b" ", b"null", GOOD.replace(b"0.88", b"-1"), GOOD + b"\n" + GOOD, b"\n", b"\xff"]
)
def test_bad_message_leaves_the_batch_around_it_whole(bad: bytes | None, place: int) -> None:
    """One bad message among 300, wherever it stands, is the only one that is refused."""
    values: list[bytes | None] = [GOOD] * 300
    values[place] = bad

    decoded = decode(batch(values))

    assert decoded.dead_letters["offset"].to_list() == [place]
    assert sorted(decoded.events["offset"].to_list()) == [offset for offset in range(300) if offset != place]
    assert decoded.events["quality_score"].unique().to_list() == [0.88]


def test_every_second_message_bad_gives_every_second_event() -> None:
    """A batch that is half bad loses no good message."""
    decoded = decode(batch([BAD, GOOD] * 500))

    assert decoded.dead_letters["offset"].to_list() == list(range(0, 1000, 2))
    assert sorted(decoded.events["offset"].to_list()) == list(range(1, 1000, 2))


def test_blank_line_and_two_objects_do_not_shift_the_rows() -> None:
    """A message of no JSON object and one of two do not make up for each other: neighbours keep their own contents."""
    messages = [completed(total_tokens=0), b" ", GOOD + GOOD, completed(total_tokens=3)]
    decoded = decode(batch(messages))

    assert decoded.dead_letters["offset"].to_list() == [1, 2]
    assert dict(decoded.events.select("offset", "tokens").iter_rows()) == {0: 0, 3: 3}


def test_dead_letter_keeps_the_message_as_it_was() -> None:
    """A refused message is kept with its position, time, raw bytes, key and headers."""
    decoded = decode(batch([GOOD, b"\xff\x00broken"], first_offset=40))

    assert decoded.dead_letters.schema == DEAD_LETTERS
    assert decoded.dead_letters.to_dicts() == [
        {
            "ingested_date": date(2025, 12, 1),
            "topic": topic_of(EventKind.COMPLETED, ENVIRONMENT),
            "partition": 3,
            "offset": 41,
            "kafka_time": SENT,
            "key": b"key 1",
            "headers": [{"name": "number", "value": b"1"}, {"name": "none", "value": None}],
            "value": b"\xff\x00broken",
            "reason": "invalid_json",
            "detail": "expected value at line 1 column 1",
            "ingested_at": NOW,
            "batch_id": "batch",
        }
    ]


def test_event_has_its_place_and_its_day() -> None:
    """An event is kept with its position in Kafka, its arrival, and the day (UTC) of its own time."""
    event = decode(batch([completed(timestamp="2025-10-24T23:59:59.999999Z")], first_offset=7)).events

    assert event.schema == EVENTS
    row = event.row(0, named=True)
    assert (row["topic"], row["partition"], row["offset"]) == (topic_of(EventKind.COMPLETED, ENVIRONMENT), 3, 7)
    assert (row["event_date"], row["ingested_at"], row["batch_id"]) == (date(2025, 10, 24), NOW, "batch")
    assert row["event_time"] == datetime(2025, 10, 24, 23, 59, 59, 999_999, tzinfo=UTC)


@pytest.mark.parametrize("milliseconds", [2**63 - 1, -(2**63), 10**16, 253_402_300_800_000, None])
def test_impossible_kafka_time_is_no_time(milliseconds: int | None) -> None:
    """A time that no calendar has, which a producer may set, dead-letters an undated message and spares a dated one."""
    dated = completed(timestamp="2025-10-24T10:00:00Z")
    decoded = decode(batch([GOOD, dated], timestamps_ms=[milliseconds] * 2))

    assert decoded.dead_letters.select("offset", "reason", "kafka_time").rows() == [(0, "missing_field", None)]
    assert decoded.events["offset"].to_list() == [1]


@pytest.mark.parametrize("opening", [b"[", b'{"a":'])
def test_deepest_nesting_ends_as_a_dead_letter(opening: bytes) -> None:
    """A message that is nothing but opening brackets is refused; it overflows no stack."""
    deep = GOOD[:-1] + b',"x":' + opening * (900_000 // len(opening))
    decoded = decode(batch([GOOD, deep, GOOD]))

    assert decoded.dead_letters.select("offset", "reason").rows() == [(1, "invalid_json")]


def test_size_limit_is_the_teams() -> None:
    """A message of as many bytes as allowed is read, one byte more is refused."""
    decoded = decode(batch([GOOD, GOOD + b" "]), Limits(max_message_bytes=len(GOOD)))

    assert decoded.dead_letters.select("offset", "reason").rows() == [(1, "too_large")]
    assert decoded.events["offset"].to_list() == [0]


def test_empty_batch_is_two_empty_frames() -> None:
    """No messages make no rows, in frames of the lake's schema."""
    decoded = decode(batch([]))

    assert (decoded.events.schema, decoded.dead_letters.schema) == (EVENTS, DEAD_LETTERS)
    assert decoded.events.height + decoded.dead_letters.height == 0


def test_unknown_topic_says_no_kind() -> None:
    """A message of a topic that is not ours is an event only if it says which."""
    told = value(PRODUCERS[EventKind.STARTED])
    messages = Messages(["other"] * 2, [0, 0], [0, 1], [None, None], [told, GOOD])
    decoded = decode(messages)

    assert decoded.events.select("topic", "offset", "kind").rows() == [("other", 0, "started")]
    assert decoded.dead_letters.select("offset", "reason").rows() == [(1, "unknown_kind")]


def test_money_is_exact() -> None:
    """Costs are the decimals that their digits spell: ten dimes are a dollar, and a billionth is kept."""
    events = decode(batch([completed(total_cost_usd=0.1)] * 10 + [completed(total_cost_usd=1e-9)])).events

    assert events["cost_usd"].sum() == Decimal("1.000000001")


@pytest.mark.parametrize("fault", FAULTS, ids=lambda fault: str(fault.__name__))
def test_faults_of_the_generator_are_refused(fault: object) -> None:
    """Each way in which the generator breaks messages ends as a dead letter."""
    assert callable(fault)
    decoded = decode(batch([GOOD, fault(GUIDE[EventKind.COMPLETED], "completed")]))

    assert decoded.dead_letters["offset"].to_list() == [1]


def trusted(values: list[bytes], kind: EventKind) -> list[bool]:
    """Whether the columnar reading of each message is trusted."""
    wire = read_lines(values, wire_schema(kind, values))
    assert wire is not None
    sent = pl.Series([SENT] * len(values), dtype=TIMESTAMP)
    return facts_of(wire, sent, kind, now=NOW, limits=Limits())["trusted"].to_list()


@pytest.mark.parametrize("dialect", [GUIDE, PRODUCERS], ids=["guide", "producers"])
@pytest.mark.parametrize("kind", EventKind)
def test_ordinary_messages_take_the_fast_way(dialect: dict[EventKind, dict[str, object]], kind: EventKind) -> None:
    """All four kinds are read at once in either dialect: the slow way is for exceptions."""
    assert trusted([value(dialect[kind])] * 3, kind) == [True] * 3


def test_generated_stream_takes_the_fast_way() -> None:
    """Of believable messages at least 99 in 100 are read at once, and all are an event or a dead letter."""
    start = datetime(2025, 10, 1, tzinfo=UTC)
    messages = list(islice(synthetic_messages(workflows=400, seed=3, start=start, days=3), 2000))
    fast = 0
    for kind in EventKind:
        readable = [m.value for m in messages if m.kind == kind and read_lines([m.value]) is not None]
        fast += sum(trusted(readable, kind))
    decoded = Decoder(topics_of("dev")).decode(
        Messages(
            topics=[topic_of(EventKind(message.kind), "dev") for message in messages],
            partitions=[0] * len(messages),
            offsets=list(range(len(messages))),
            timestamps_ms=[int(message.timestamp.timestamp() * 1000) for message in messages],
            values=[message.value for message in messages],
        ),
        now=NOW,
        batch_id="b",
    )

    assert fast >= 0.99 * len(messages)
    offsets = pl.concat([decoded.events["offset"], decoded.dead_letters["offset"]])
    assert sorted(offsets.to_list()) == list(range(len(messages)))


@pytest.mark.parametrize("packed", [zlib.compress(GOOD), gzip.compress(GOOD), b"\x28\xb5\x2f\xfdabc", b"BZh9"])
def test_packed_messages_are_refused_and_nothing_is_unpacked(packed: bytes) -> None:
    """A message that looks like a packed file is no JSON, first in its batch or not; the others are read."""
    for values in ([packed, GOOD], [GOOD, packed], [packed]):
        decoded = decode(batch(values))
        assert decoded.dead_letters["reason"].to_list() == ["invalid_json"]
        assert decoded.events.height == values.count(GOOD)


@pytest.mark.parametrize("told", [7, -0.5, True, [], ["effect"], {"q": 1}, {"q": "a:b"}, {"a": {"b": "c"}}])
@pytest.mark.parametrize("beside", ["m", 'a "quoted" name', 'one " quote', "a:b", "404"])
def test_what_is_no_text_is_not_read_as_one(told: object, beside: str) -> None:
    """Polars spells anything as text; what is no text in the message is refused, whatever the texts beside it count."""
    decoded = decode(batch([GOOD, completed(node_type=told, primary_model=beside), GOOD]))

    assert decoded.dead_letters.select("offset", "reason").rows() == [(1, "wrong_type")]


def test_texts_that_look_like_numbers_take_the_fast_way() -> None:
    """A text of digits is a text, and no reason to read a topic of error codes one by one."""
    told = value({**GUIDE[EventKind.FAILED], "error_code": "404", "correlation_id": "true"})

    assert trusted([told] * 3, EventKind.FAILED) == [True] * 3


def test_escaped_colon_does_not_hide_an_unknown_field() -> None:
    """A colon that is only in the text that was read does not make up for the colon of a field that was not."""
    told = completed(primary_model="a:b", note=1).replace(b"a:b", b"a\\u003ab")
    event = decode(batch([told])).events.row(0, named=True)

    assert (event["primary_model"], event["extra"]) == ("a:b", '{"note":1}')


def test_field_that_the_sample_misses_is_read() -> None:
    """The messages that tell which fields there are need not be those that have them all."""
    rare = completed(correlation_id="c", retry_count=2)
    events = decode(batch([rare if offset == 1 else GOOD for offset in range(1000)])).events.sort("offset")

    assert events.select("correlation_id", "attempt").rows() == [(None, 1), ("c", 3)] + [(None, 1)] * 998


@pytest.mark.parametrize("code", [code for code in range(32) if code != ord("\n")])
def test_bare_control_character_spoils_the_batch(code: int) -> None:
    """Polars refuses a control character that is not escaped; that names have none rests on it."""
    for length in (0, 3, 31, 70):
        spoilt = completed(primary_model="x" * length + "!").replace(b"!", bytes([code]))
        assert read_lines([GOOD, spoilt, GOOD]) is None
