"""The contracts of the four events, in both dialects: the guide's and the producers'.

This is the reference: what these models accept, refuse and read is what the columnar decoder must accept, refuse and
read. Fields unknown to a model are kept, see `model_extra`.
"""

from datetime import UTC, datetime
from decimal import Decimal
from typing import Annotated, Any, ClassVar
from uuid import UUID

from pydantic import AfterValidator, BaseModel, BeforeValidator, ConfigDict, Field, StrictBool
from pydantic_core import PydanticCustomError, to_json

from ingest.kinds import EventKind
from ingest.limits import (
    EARLIEST,
    MAX_MESSAGE_TEXT,
    MAX_RETRIES,
    MAX_SECONDS,
    MAX_STAGE_NUMBER,
    MAX_TEXT,
    MAX_TOKENS,
    MAX_USD,
)


def _number(value: object) -> object:
    """Numbers are numbers: neither text nor true and false."""
    if isinstance(value, bool) or not isinstance(value, int | float | Decimal):
        raise PydanticCustomError("number_type", "must be a number")
    return value


def _whole(value: object) -> object:
    """1200.0 is the whole number 1200: some producers know no other numbers."""
    number = _number(value)
    if isinstance(number, float) and number.is_integer():
        return int(number)
    if not isinstance(number, int):
        raise PydanticCustomError("number_type", "must be a whole number")
    return number


def _instant(value: object) -> object:
    """Times come as ISO 8601 text, or as a datetime from Python callers."""
    if isinstance(value, str):
        try:
            return datetime.fromisoformat(value)
        except ValueError:
            raise PydanticCustomError("datetime_type", "must be a time in ISO 8601") from None
    if not isinstance(value, datetime):
        raise PydanticCustomError("datetime_type", "must be a time in ISO 8601")
    return value


def _utc(value: datetime) -> datetime:
    """A time without an offset is in UTC, as `datetime.utcnow().isoformat()` writes it."""
    try:
        return value.replace(tzinfo=UTC) if value.tzinfo is None else value.astimezone(UTC)
    except OverflowError:
        raise PydanticCustomError("time_out_of_range", "must be a time from 2000 on") from None


def _not_ancient(value: datetime) -> datetime:
    if value < EARLIEST:
        raise PydanticCustomError("time_out_of_range", "must be a time from 2000 on")
    return value


def _text(value: object) -> object:
    if not isinstance(value, str):
        raise PydanticCustomError("string_type", "must be text")
    return value


def _printable(value: str) -> str:
    """Names end up as keys and labels; there control characters, NUL first of all, do harm."""
    if any(ord(character) < 32 or 0xD800 <= ord(character) <= 0xDFFF for character in value):
        raise PydanticCustomError("text_out_of_range", "must not have control characters")
    return value


def _stored(value: str) -> str:
    """Free text is kept as it is, but for what no table can hold."""
    return value.replace("\x00", "\N{REPLACEMENT CHARACTER}").encode("utf-8", "replace").decode()


def _label(value: object) -> object:
    """Open sets of names are compared without regard to case and blanks around; an empty one is none."""
    return value.strip().lower() or None if isinstance(value, str) else value


def _identifier(value: str) -> str:
    """A UUID in one spelling; any other identifier as it is."""
    try:
        return str(UUID(value)) if len(value) == 36 else value
    except ValueError:
        return value


def _uuid_text(value: object) -> object:
    if isinstance(value, UUID):
        return value
    if not isinstance(value, str):
        raise PydanticCustomError("uuid_type", "must be a UUID")
    if len(value) != 36:
        raise PydanticCustomError("uuid_type", "must be a UUID of 36 characters")
    return value


def _money(value: Decimal) -> Decimal:
    """Nine places, as the lake keeps it."""
    return value.quantize(Decimal("1e-9"))


Number = Annotated[float, BeforeValidator(_number), Field(allow_inf_nan=False)]
Whole = Annotated[int, BeforeValidator(_whole)]
Text = Annotated[str, BeforeValidator(_text), Field(min_length=1, max_length=MAX_TEXT), AfterValidator(_printable)]
FreeText = Annotated[str, BeforeValidator(_text), Field(max_length=MAX_MESSAGE_TEXT), AfterValidator(_stored)]
Label = Annotated[Text | None, BeforeValidator(_label)]
Instant = Annotated[datetime, BeforeValidator(_instant), AfterValidator(_utc), AfterValidator(_not_ancient)]
Seconds = Annotated[Number, Field(ge=0, le=MAX_SECONDS)]
Milliseconds = Annotated[Number, Field(ge=0, le=MAX_SECONDS * 1000)]
Score = Annotated[Number, Field(ge=0, le=1)]
Tokens = Annotated[Whole, Field(ge=0, le=MAX_TOKENS)]
Usd = Annotated[Decimal, BeforeValidator(_number), Field(ge=0, le=Decimal(MAX_USD)), AfterValidator(_money)]


class GenerationEvent(BaseModel):
    """What all four events have in common. None means that the event does not say."""

    model_config = ConfigDict(extra="allow", frozen=True)
    kind: ClassVar[EventKind]

    workflow_id: Annotated[UUID, BeforeValidator(_uuid_text)]
    event_id: Annotated[Text, AfterValidator(_identifier)] | None = None
    correlation_id: Text | None = None
    timestamp: Instant | None = None
    node_type: Label = None
    domain: Label = None
    primary_model: Text | None = None
    retry_count: Annotated[Whole, Field(ge=0, le=MAX_RETRIES)] | None = None

    def extra_json(self) -> str | None:
        """The fields unknown to the contract, as one JSON object; None if there are none.

        A number beyond all bounds, such as 1e999, becomes the text "Infinity": JSON has no other word for it.
        """
        if not self.model_extra:
            return None
        return to_json(self.model_extra, inf_nan_mode="strings", serialize_unknown=True).decode()

    def facts(self) -> dict[str, Any]:
        """The event's columns in the lake, but for identity and time, which need Kafka's word."""
        return {
            "kind": self.kind.value,
            "event_id": self.event_id,
            "workflow_id": str(self.workflow_id),
            "attempt": 1 + (self.retry_count or 0),
            "event_time": self.timestamp,
            "node_type": self.node_type,
            "domain": self.domain,
            "primary_model": self.primary_model,
            "correlation_id": self.correlation_id,
        }


class ModelNodeGenerationStarted(GenerationEvent):
    """A workflow began to generate a node."""

    kind = EventKind.STARTED


class ModelNodeGenerationStageCompleted(GenerationEvent):
    """One stage of a generation ended. The guide gives `duration_ms`, the producers give `duration_seconds`."""

    kind = EventKind.STAGE_COMPLETED

    stage_name: Text | None = None
    stage_number: Annotated[Whole, Field(ge=0, le=MAX_STAGE_NUMBER)] | None = None
    duration_ms: Milliseconds | None = None
    duration_seconds: Seconds | None = None
    success: StrictBool | None = None
    tokens_consumed: Tokens | None = None
    cost_usd: Usd | None = None

    def facts(self) -> dict[str, Any]:
        """See `GenerationEvent.facts`; where both durations are given, the milliseconds count."""
        seconds = self.duration_seconds if self.duration_ms is None else self.duration_ms / 1000
        return super().facts() | {
            "stage_name": self.stage_name,
            "stage_number": self.stage_number,
            "stage_success": self.success,
            "duration_seconds": seconds,
            "tokens": self.tokens_consumed,
            "cost_usd": self.cost_usd,
        }


class ModelNodeGenerationCompleted(GenerationEvent):
    """A generation succeeded."""

    kind = EventKind.COMPLETED

    total_duration_seconds: Seconds | None = None
    quality_score: Score | None = None
    total_tokens: Tokens | None = None
    total_cost_usd: Usd | None = None

    def facts(self) -> dict[str, Any]:
        """See `GenerationEvent.facts`."""
        return super().facts() | {
            "duration_seconds": self.total_duration_seconds,
            "quality_score": self.quality_score,
            "tokens": self.total_tokens,
            "cost_usd": self.total_cost_usd,
        }


class ModelNodeGenerationFailed(GenerationEvent):
    """A generation failed. It may lack node type and domain: then the workflow's other events say them."""

    kind = EventKind.FAILED

    failed_stage: Text | None = None
    error_code: Text | None = None
    error_message: FreeText | None = None
    partial_duration_seconds: Seconds | None = None
    total_tokens: Tokens | None = None
    total_cost_usd: Usd | None = None

    def facts(self) -> dict[str, Any]:
        """See `GenerationEvent.facts`."""
        return super().facts() | {
            "duration_seconds": self.partial_duration_seconds,
            "tokens": self.total_tokens,
            "cost_usd": self.total_cost_usd,
            "failed_stage": self.failed_stage,
            "error_code": self.error_code,
            "error_message": self.error_message,
        }


CONTRACTS: dict[EventKind, type[GenerationEvent]] = {
    model.kind: model
    for model in (
        ModelNodeGenerationStarted,
        ModelNodeGenerationStageCompleted,
        ModelNodeGenerationCompleted,
        ModelNodeGenerationFailed,
    )
}
