"""The four event models, as Python callers make them."""

from datetime import UTC, datetime
from decimal import Decimal
from uuid import UUID

import pytest
from pydantic import ValidationError

from ingest.kinds import EventKind
from pipelines import (
    EnumDomain,
    EnumNodeType,
    ModelNodeGenerationCompleted,
    ModelNodeGenerationFailed,
    ModelNodeGenerationStageCompleted,
    ModelNodeGenerationStarted,
)
from tests.messages import WORKFLOW

MODELS = [
    ModelNodeGenerationStarted,
    ModelNodeGenerationStageCompleted,
    ModelNodeGenerationCompleted,
    ModelNodeGenerationFailed,
]


@pytest.mark.parametrize("model", MODELS)
def test_workflow_is_all_that_an_event_needs(model: type[ModelNodeGenerationStarted]) -> None:
    """What an event does not say is None; only the workflow must be told, as a UUID or as its text."""
    event = model(workflow_id=UUID(WORKFLOW))

    assert event == model.model_validate({"workflow_id": WORKFLOW})
    assert event.kind in EventKind
    assert {event.node_type, event.domain, event.timestamp, event.event_id, event.extra_json()} == {None}
    with pytest.raises(ValidationError):
        model.model_validate({})


def test_enums_and_plain_text_are_the_same() -> None:
    """Node types and domains are open sets: an enum's member and its text make equal events."""
    told = ModelNodeGenerationStarted(workflow_id=UUID(WORKFLOW), node_type=EnumNodeType.EFFECT, domain=EnumDomain.API)
    assert told == ModelNodeGenerationStarted(workflow_id=UUID(WORKFLOW), node_type="Effect", domain="api")


def test_python_times_are_in_utc() -> None:
    """A datetime is taken as it is; a naive one is in UTC."""
    naive = datetime(2025, 10, 24, 10)  # noqa: DTZ001 - a naive time is the point
    event = ModelNodeGenerationStarted(workflow_id=UUID(WORKFLOW), timestamp=naive)
    assert event.timestamp == datetime(2025, 10, 24, 10, tzinfo=UTC)


def test_cost_is_a_decimal_of_nine_places() -> None:
    """Money never becomes a float: it is rounded half to even at the ninth place."""
    costs = [0.1, Decimal("0.0000000005"), Decimal("0.0000000015"), 3]
    events = [
        ModelNodeGenerationCompleted.model_validate({"workflow_id": WORKFLOW, "total_cost_usd": cost}) for cost in costs
    ]
    assert [event.total_cost_usd for event in events] == [Decimal("0.1"), Decimal(0), Decimal("2e-9"), Decimal(3)]


def test_events_do_not_change() -> None:
    """An event is frozen once it is made."""
    event = ModelNodeGenerationCompleted(workflow_id=UUID(WORKFLOW))
    with pytest.raises(ValidationError, match="frozen"):
        event.quality_score = 1.0


@pytest.mark.parametrize("value", [float("nan"), float("inf"), "0.5", True, -0.1, 1.1, [0.5]])
def test_score_is_a_number_from_0_to_1(value: object) -> None:
    """NaN, text, booleans and what is out of range are refused from Python as they are from Kafka."""
    with pytest.raises(ValidationError):
        ModelNodeGenerationCompleted.model_validate({"workflow_id": WORKFLOW, "quality_score": value})


def test_unknown_fields_of_python_types_are_kept_as_text() -> None:
    """Fields that the contract does not know are kept as JSON, even when JSON has no word for their value."""
    event = ModelNodeGenerationStarted.model_validate(
        {"workflow_id": WORKFLOW, "ratio": float("nan"), "team": UUID(WORKFLOW), "set": {1}}
    )
    assert event.extra_json() == f'{{"ratio":"NaN","team":"{WORKFLOW}","set":[1]}}'
