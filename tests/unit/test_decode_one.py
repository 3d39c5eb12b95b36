"""One message, read by the contracts: its facts, or the reason why it is refused."""

from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any

import pytest

from ingest.decode_one import decode_one
from ingest.kinds import EventKind
from ingest.limits import Limits
from ingest.reasons import Reason, Rejection
from tests.messages import GUIDE, NOW, PRODUCERS, SENT, TIME, WORKFLOW, completed, value

Facts = dict[str, Any]


def read(message: bytes | None, kind: EventKind | None = EventKind.COMPLETED, at: datetime | None = SENT) -> Any:
    """Decode one message from the topic of a kind."""
    return decode_one(message, kind, at, now=NOW, limits=Limits())


def known(facts: Facts) -> Facts:
    """The facts that the event tells."""
    return {name: fact for name, fact in facts.items() if fact is not None}


def test_guides_stage_has_its_milliseconds_in_seconds() -> None:
    """The guide's stage event is read with its duration in seconds and its cost as an exact decimal."""
    assert known(read(value(GUIDE[EventKind.STAGE_COMPLETED]), EventKind.STAGE_COMPLETED)) == {
        "kind": "stage_completed",
        "workflow_id": WORKFLOW,
        "attempt": 1,
        "event_time": SENT,
        "time_source": "kafka",
        "stage_name": "contract_generation",
        "stage_number": 1,
        "stage_success": True,
        "duration_seconds": 0.15,
        "tokens": 100,
        "cost_usd": Decimal("0.010000000"),
    }


def test_producers_failure_has_its_partial_duration() -> None:
    """The producers' failure is read with its identity, attempt, partial duration and error code."""
    assert known(read(value(PRODUCERS[EventKind.FAILED]), EventKind.FAILED)) == {
        "kind": "failed",
        "event_id": "11111111-2222-4333-8444-555555555555",
        "workflow_id": WORKFLOW,
        "attempt": 3,
        "event_time": datetime(2025, 10, 24, 10, 30, 0, 125_000, tzinfo=UTC),
        "time_source": "payload",
        "primary_model": "m-1",
        "correlation_id": "c-1",
        "failed_stage": "validation",
        "error_code": "E42",
        "error_message": "no",
        "duration_seconds": 1.5,
        "tokens": 9,
        "cost_usd": Decimal("1E-9"),
    }


@pytest.mark.parametrize("dialect", [GUIDE, PRODUCERS], ids=["guide", "producers"])
@pytest.mark.parametrize("kind", EventKind)
def test_every_kind_in_both_dialects_is_an_event(dialect: dict[EventKind, Facts], kind: EventKind) -> None:
    """All four kinds are accepted in either spelling, and no field of theirs is unknown."""
    facts = read(value(dialect[kind]), kind)

    assert (facts["kind"], facts["extra"]) == (kind.value, None)


def test_event_type_wins_over_the_topic() -> None:
    """An event in the topic of another kind is what it says it is."""
    assert read(value(PRODUCERS[EventKind.FAILED]), EventKind.STARTED)["kind"] == "failed"


def test_both_durations_count_the_milliseconds() -> None:
    """A stage that gives its duration twice has the guide's."""
    message = value(GUIDE[EventKind.STAGE_COMPLETED] | {"duration_seconds": 9})
    assert read(message, EventKind.STAGE_COMPLETED)["duration_seconds"] == 0.15


@pytest.mark.parametrize(
    ("told", "instant"),
    [
        ("2025-10-24T10:30:00", datetime(2025, 10, 24, 10, 30, tzinfo=UTC)),
        ("2025-10-24T12:30:00+02:00", datetime(2025, 10, 24, 10, 30, tzinfo=UTC)),
        ("2025-10-24", datetime(2025, 10, 24, tzinfo=UTC)),
        ("20251024T103000.5Z", datetime(2025, 10, 24, 10, 30, 0, 500_000, tzinfo=UTC)),
        ("2000-01-01T00:00:00Z", datetime(2000, 1, 1, tzinfo=UTC)),
    ],
)
def test_times_in_iso_8601_are_in_utc(told: str, instant: datetime) -> None:
    """A time is brought to UTC; without an offset it is in UTC already."""
    facts = read(completed(timestamp=told))
    assert (facts["event_time"], facts["time_source"]) == (instant, "payload")


def test_clock_ahead_by_five_minutes_is_accepted() -> None:
    """A producer's clock may be ahead of ours by exactly the limit."""
    assert read(completed(timestamp=(NOW + timedelta(minutes=5)).isoformat()))["time_source"] == "payload"


def test_unknown_fields_are_kept_as_json() -> None:
    """What the contract does not know is kept, nested and in its own types; 1e999, beyond all numbers, as text."""
    facts = read(
        completed()[:-1] + b',"team":{"names":["a\xc3\xa9",null,1.5]},"big":1e999,"huge":123456789012345678901}'
    )
    assert facts["extra"] == '{"team":{"names":["aé",null,1.5]},"big":"Infinity","huge":123456789012345678901}'


def test_names_are_normalised() -> None:
    """Node type and domain lose case and blanks around; an empty one is unknown; identifiers get one spelling."""
    facts = read(
        completed(node_type="  EFFECT ", domain=" ", workflow_id=WORKFLOW.upper(), event_id=PRODUCERS_ID.upper())
    )
    assert (facts["node_type"], facts["domain"]) == ("effect", None)
    assert (facts["workflow_id"], facts["event_id"]) == (WORKFLOW, PRODUCERS_ID)


PRODUCERS_ID = "aaaaaaaa-bbbb-4ccc-8ddd-eeeeeeeeeeee"


def test_foreign_identifier_of_36_characters_is_kept() -> None:
    """An event_id that is no UUID is kept as it is, even one as long as a UUID."""
    assert read(completed(event_id="X" * 36))["event_id"] == "X" * 36


def test_free_text_loses_only_what_no_table_holds() -> None:
    """An error message keeps its line breaks; a NUL is replaced."""
    message = value(GUIDE[EventKind.FAILED] | {"error_message": "a\nb\x00c"})
    assert read(message, EventKind.FAILED)["error_message"] == "a\nb\N{REPLACEMENT CHARACTER}c"


NESTED = b'{"x":' + b"[" * 100_000 + b"]" * 100_000 + b"}"
REFUSED: list[tuple[bytes | None, Reason, str]] = [
    (None, Reason.EMPTY, "no value"),
    (b"", Reason.EMPTY, "no value"),
    (b" ", Reason.INVALID_JSON, "EOF"),
    (b"x" * 1_048_577, Reason.TOO_LARGE, "1048577 bytes"),
    (b"{", Reason.INVALID_JSON, "EOF"),
    (b"\xef\xbb\xbf" + completed(), Reason.INVALID_JSON, "expected value"),
    (completed() + completed(), Reason.INVALID_JSON, "trailing characters"),
    (completed().replace(b"0.88", b"NaN"), Reason.INVALID_JSON, "column"),
    (completed().replace(b"0.88", b"Infinity"), Reason.INVALID_JSON, "column"),
    (completed().replace(b"api", b"\xff"), Reason.INVALID_JSON, "unicode"),
    (completed().replace(b"api", b"\\ud800"), Reason.INVALID_JSON, "escape"),
    (NESTED, Reason.INVALID_JSON, "recursion limit"),
    (b"[1]", Reason.NOT_AN_OBJECT, "list"),
    (b"null", Reason.NOT_AN_OBJECT, "NoneType"),
    (completed(event_type="NODE_GENERATION_PAUSED"), Reason.UNKNOWN_KIND, "NODE_GENERATION_PAUSED"),
    (completed(event_type=""), Reason.UNKNOWN_KIND, "''"),
    (completed(event_type=7), Reason.WRONG_TYPE, "event_type"),
    (completed(workflow_id=None), Reason.MISSING_FIELD, "workflow_id"),
    (completed(workflow_id="wf-1"), Reason.WRONG_TYPE, "workflow_id"),
    (completed(workflow_id=7), Reason.WRONG_TYPE, "workflow_id"),
    (completed(workflow_id="x" * 36), Reason.WRONG_TYPE, "workflow_id"),
    (completed(quality_score="0.88"), Reason.WRONG_TYPE, "quality_score"),
    (completed(quality_score=True), Reason.WRONG_TYPE, "quality_score"),
    (completed(quality_score=1.01), Reason.OUT_OF_RANGE, "quality_score"),
    (completed().replace(b"0.88", b"1e999"), Reason.OUT_OF_RANGE, "quality_score"),
    (completed(total_duration_seconds=-1), Reason.OUT_OF_RANGE, "total_duration_seconds"),
    (completed(total_duration_seconds=1e12), Reason.OUT_OF_RANGE, "total_duration_seconds"),
    (completed(total_tokens=-1), Reason.OUT_OF_RANGE, "total_tokens"),
    (completed(total_tokens=1.5), Reason.WRONG_TYPE, "total_tokens"),
    (completed(total_tokens=10**30), Reason.OUT_OF_RANGE, "total_tokens"),
    (completed(total_cost_usd=1_000_001), Reason.OUT_OF_RANGE, "total_cost_usd"),
    (completed(total_cost_usd="0.12"), Reason.WRONG_TYPE, "total_cost_usd"),
    (completed(retry_count=-1), Reason.OUT_OF_RANGE, "retry_count"),
    (completed(domain=["api"]), Reason.WRONG_TYPE, "domain"),
    (completed(domain="a\x00b"), Reason.OUT_OF_RANGE, "domain"),
    (completed(domain="x" * 256), Reason.OUT_OF_RANGE, "domain"),
    (completed(event_id=""), Reason.OUT_OF_RANGE, "event_id"),
    (completed(timestamp="soon"), Reason.WRONG_TYPE, "timestamp"),
    (completed(timestamp=1_700_000_000), Reason.WRONG_TYPE, "timestamp"),
    (completed(timestamp="1999-12-31T23:59:59Z"), Reason.OUT_OF_RANGE, "timestamp"),
    (completed(timestamp="0001-01-01T00:00:00+14:00"), Reason.OUT_OF_RANGE, "timestamp"),
    (completed(timestamp="2025-12-01T00:05:00.000001Z"), Reason.FUTURE_TIME, "timestamp"),
    (completed(timestamp="3025-01-01T00:00:00Z"), Reason.FUTURE_TIME, "timestamp"),
]


@pytest.mark.parametrize(("message", "reason", "told"), REFUSED, ids=[str(number) for number in range(len(REFUSED))])
def test_what_is_refused_names_reason_and_field(message: bytes | None, reason: Reason, told: str) -> None:
    """Each kind of bad message has its own reason, and a detail that says what is wrong."""
    rejection = read(message)

    assert isinstance(rejection, Rejection)
    assert rejection.reason is reason
    assert told in rejection.detail


def test_every_reason_is_shown() -> None:
    """No reason exists that no message has."""
    assert {reason for _, reason, _ in REFUSED} == set(Reason)


def test_message_without_any_time_is_refused() -> None:
    """Neither the payload nor Kafka tells the time: the event belongs to no window."""
    assert read(completed(), at=None).reason is Reason.MISSING_FIELD


def test_kafkas_time_has_the_same_bounds() -> None:
    """A message that only Kafka dates is refused when that date is before 2000 or in the future."""
    assert read(completed(), at=datetime(1970, 1, 1, tzinfo=UTC)).reason is Reason.OUT_OF_RANGE
    assert read(completed(), at=NOW + timedelta(hours=1)).reason is Reason.FUTURE_TIME


def test_kind_that_nobody_tells_is_refused() -> None:
    """A message of an unknown topic that does not say what it is, is refused."""
    assert read(completed(), kind=None).reason is Reason.UNKNOWN_KIND
    assert read(value(GUIDE[EventKind.STARTED] | {"timestamp": TIME}), kind=None).reason is Reason.UNKNOWN_KIND
