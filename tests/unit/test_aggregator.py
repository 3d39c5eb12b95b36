"""The guide's aggregator in memory."""

from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any
from uuid import UUID, uuid4

import pytest
from prometheus_client import CollectorRegistry, generate_latest

from omninode.errors import BadInput
from pipelines import (
    CodegenMetricsAggregator,
    EnumAggregationType,
    EnumWindowType,
    ModelAggregatedMetrics,
    ModelNodeGenerationCompleted,
    ModelNodeGenerationFailed,
    ModelNodeGenerationStarted,
)

NOON = datetime(2025, 10, 24, 12, tzinfo=UTC)


def at_noon(**options: Any) -> CodegenMetricsAggregator:
    return CodegenMetricsAggregator(clock=lambda: NOON, **options)


def done(workflow: UUID | None = None, **facts: Any) -> ModelNodeGenerationCompleted:
    told = {"workflow_id": workflow or uuid4(), "node_type": "effect", "domain": "api"} | facts
    return ModelNodeGenerationCompleted.model_validate(told)


def pick(rows: list[ModelAggregatedMetrics], by: EnumAggregationType) -> dict[str, ModelAggregatedMetrics]:
    """The hourly rows of a strategy by their group."""
    return {
        row.group_key: row for row in rows if row.aggregation_type is by and row.window_type is EnumWindowType.HOURLY
    }


async def test_flush_returns_the_rows_of_what_it_was_given() -> None:
    """Events become rows of all windows and strategies; what is not known is None."""
    aggregator = at_noon()
    await aggregator.process_event(done(total_duration_seconds=2.0, total_cost_usd=0.1, total_tokens=10))
    await aggregator.process_event(done(total_duration_seconds=4.0, total_cost_usd=0.2, quality_score=0.9))
    await aggregator.process_event(ModelNodeGenerationFailed(workflow_id=uuid4(), node_type="effect"))
    rows = await aggregator.flush()

    effect = pick(rows, EnumAggregationType.NODE_TYPE_GROUPING)["effect"]
    assert (effect.total_generations, effect.successful_generations, effect.failed_generations) == (3, 2, 1)
    assert effect.success_rate == pytest.approx(2 / 3)
    assert (effect.duration_statistics.p50_seconds, effect.duration_statistics.n) == (3.0, 2)
    assert effect.cost_statistics.total_cost_usd == Decimal("0.3")
    assert (effect.cost_statistics.total_tokens, effect.cost_statistics.tokens_n) == (10, 1)
    assert effect.duration_statistics.failed_avg_seconds is None
    assert set(pick(rows, EnumAggregationType.QUALITY_BUCKETS)) == {"high", "unscored"}
    assert set(pick(rows, EnumAggregationType.DOMAIN_GROUPING)) == {"api", "unknown"}
    assert {row.window_type for row in rows} == set(EnumWindowType)


async def test_later_flush_adds_to_the_window() -> None:
    """A second flush returns the window with everything in it, and an event delivered twice counts once."""
    aggregator, workflow = at_noon(), uuid4()
    for event in (done(workflow), done(workflow)):
        await aggregator.process_event(event)
        rows = await aggregator.flush()
        assert pick(rows, EnumAggregationType.TIME_WINDOW)["all"].total_generations == 1
    await aggregator.process_event(done())
    assert pick(await aggregator.flush(), EnumAggregationType.TIME_WINDOW)["all"].total_generations == 2


async def test_full_buffer_flushes_itself() -> None:
    """The event that fills the buffer has it aggregated before it returns."""
    aggregator = at_noon(max_buffer_size=3)
    sizes = []
    for _ in range(4):
        await aggregator.process_event(done())
        sizes.append((await aggregator.get_metrics())["aggregation_buffer_size"])
    assert sizes == [1, 2, 0, 1]


async def test_old_buffer_is_flushed_by_the_next_event() -> None:
    """An event that comes after the interval has the buffer aggregated, however few are in it."""
    aggregator = at_noon(flush_interval_seconds=1e-9)
    await aggregator.process_event(done())
    assert (await aggregator.get_metrics())["aggregations_completed"] == 1


async def test_counts_tell_events_generations_and_active_workflows() -> None:
    """The aggregator's own counts: events taken, generations ended, workflows under way, speed."""
    async with at_noon() as aggregator:
        await aggregator.process_event(ModelNodeGenerationStarted(workflow_id=uuid4()))
        await aggregator.process_event(done())
        await aggregator.process_event(ModelNodeGenerationFailed(workflow_id=uuid4()))
        await aggregator.flush()
        counts = await aggregator.get_metrics()
    assert counts.pop("last_aggregation_duration_seconds") > 0
    assert counts.pop("aggregation_items_per_second") > 0
    assert counts == {
        "events_processed_total": 3,
        "aggregations_completed": 1,
        "generations_total": 2,
        "generations_successful_total": 1,
        "generations_failed_total": 1,
        "active_workflows": 1,
        "aggregation_buffer_size": 0,
    }


async def test_nothing_to_flush_is_nothing() -> None:
    """A flush of an empty buffer returns no rows, and the aggregator may be closed twice."""
    aggregator = at_noon()
    assert await aggregator.flush() == []
    await aggregator.close()
    await aggregator.close()
    assert (await aggregator.get_metrics())["aggregations_completed"] == 0


async def test_event_out_of_the_past_goes_to_its_own_window() -> None:
    """An event with a time of its own counts there, not at the time it was handed over."""
    aggregator = at_noon()
    await aggregator.process_event(done(timestamp=NOON - timedelta(days=400)))
    rows = await aggregator.flush()
    assert {row.window_start.year for row in rows} == {2024}


@pytest.mark.parametrize("options", [{"max_buffer_size": 0}, {"flush_interval_seconds": 0}, {"max_buffer_size": -1}])
def test_sizes_must_be_positive(options: dict[str, Any]) -> None:
    """A buffer of nothing and no interval at all are refused."""
    with pytest.raises(BadInput, match="greater than 0"):
        CodegenMetricsAggregator(**options)


async def test_what_is_no_event_is_refused() -> None:
    """A dict is not an event, and does not get into the buffer."""
    aggregator = at_noon()
    with pytest.raises(BadInput, match="dict is not an event"):
        await aggregator.process_event({"workflow_id": "x"})  # type: ignore[arg-type]
    assert (await aggregator.get_metrics())["events_processed_total"] == 0


async def test_prometheus_sees_the_same() -> None:
    """The guide's metrics are in the registry that the aggregator was given."""
    registry = CollectorRegistry()
    aggregator = at_noon(registry=registry)
    await aggregator.process_event(done(quality_score=0.5, total_duration_seconds=3))
    await aggregator.flush()
    text = generate_latest(registry).decode()
    assert 'codegen_generations_successful_total{domain="api",node_type="effect"} 1.0' in text
    assert 'codegen_generation_duration_seconds_sum{domain="api",node_type="effect"} 3.0' in text
