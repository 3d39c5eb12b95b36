"""Read one message by the contracts, or say why not: slow, obvious, and the reference for the columnar decoder."""

from datetime import UTC, datetime
from typing import Any

from pydantic import ValidationError
from pydantic_core import ErrorDetails, from_json

from ingest.contracts import CONTRACTS
from ingest.kinds import EVENT_TYPES, EventKind
from ingest.limits import EARLIEST, Limits
from ingest.reasons import Reason, Rejection

_REASONS = {"missing": Reason.MISSING_FIELD}
_OUT_OF_RANGE = ("greater_than", "less_than", "finite_number", "too_long", "too_short", "decimal_", "_out_of_range")


def decode_one(
    value: bytes | None, kind_of_topic: EventKind | None, kafka_time: datetime | None, *, now: datetime, limits: Limits
) -> dict[str, Any] | Rejection:
    """Return the facts of one message, keyed by the lake's columns, or the reason why it is refused."""
    payload = _payload(value, limits)
    if isinstance(payload, Rejection):
        return payload
    kind = _kind(payload.pop("event_type", None), kind_of_topic)
    if isinstance(kind, Rejection):
        return kind
    try:
        event = CONTRACTS[kind].model_validate(payload)
    except ValidationError as error:
        return _rejection(error.errors(include_url=False, include_context=False)[0])
    return _timed(event.facts() | {"extra": event.extra_json()}, kafka_time, now, limits)


def _payload(value: bytes | None, limits: Limits) -> dict[str, Any] | Rejection:
    if not value:
        return Rejection(Reason.EMPTY, "the message has no value")
    if len(value) > limits.max_message_bytes:
        return Rejection(Reason.TOO_LARGE, f"{len(value)} bytes, more than {limits.max_message_bytes}")
    try:
        payload = from_json(value, allow_inf_nan=False)
    except ValueError as error:
        return Rejection(Reason.INVALID_JSON, str(error))
    if not isinstance(payload, dict):
        return Rejection(Reason.NOT_AN_OBJECT, f"a JSON {type(payload).__name__} instead of an object")
    return payload


def _kind(event_type: object, kind_of_topic: EventKind | None) -> EventKind | Rejection:
    if event_type is None:
        return kind_of_topic or Rejection(Reason.UNKNOWN_KIND, "event_type: missing, and the topic does not say it")
    if not isinstance(event_type, str):
        return Rejection(Reason.WRONG_TYPE, "event_type: must be text")
    return EVENT_TYPES.get(event_type) or Rejection(Reason.UNKNOWN_KIND, f"event_type: {event_type[:80]!r} is unknown")


def _rejection(error: ErrorDetails) -> Rejection:
    kind = error["type"]
    out_of_range = any(part in kind for part in _OUT_OF_RANGE)
    reason = _REASONS.get(kind, Reason.OUT_OF_RANGE if out_of_range else Reason.WRONG_TYPE)
    field = ".".join(str(part) for part in error["loc"])
    return Rejection(reason, f"{field}: {error['msg']}")


def _timed(
    facts: dict[str, Any], kafka_time: datetime | None, now: datetime, limits: Limits
) -> dict[str, Any] | Rejection:
    event_time = facts["event_time"] or kafka_time
    if event_time is None:
        return Rejection(Reason.MISSING_FIELD, "timestamp: missing, and Kafka keeps none for this topic")
    if event_time > now + limits.max_ahead:
        ahead = event_time.astimezone(UTC).isoformat()
        return Rejection(Reason.FUTURE_TIME, f"timestamp: {ahead} is more than {limits.max_ahead} ahead")
    if event_time < EARLIEST:
        return Rejection(Reason.OUT_OF_RANGE, "timestamp: before 2000")
    return facts | {"event_time": event_time, "time_source": "payload" if facts["event_time"] else "kafka"}
