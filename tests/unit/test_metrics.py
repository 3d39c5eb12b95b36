"""The Prometheus metrics of the aggregation."""

import pytest
from prometheus_client import CollectorRegistry
from prometheus_client.exposition import generate_latest
from prometheus_client.parser import text_string_to_metric_families

from pipelines.metrics import MAX_LABEL_VALUES, OTHER, AggregatorMetrics
from tests.events import completed, failed, frame, stage, started

#: The guide's names.
GUIDE = {
    "codegen_generations",
    "codegen_generations_successful",
    "codegen_generations_failed",
    "codegen_generation_duration_seconds",
    "codegen_quality_score",
    "aggregation_duration_seconds",
    "aggregation_buffer_size",
    "aggregation_items_per_second",
}


@pytest.fixture
def registry() -> CollectorRegistry:
    return CollectorRegistry()


@pytest.fixture
def metrics(registry: CollectorRegistry) -> AggregatorMetrics:
    return AggregatorMetrics(registry)


def value(registry: CollectorRegistry, name: str, **labels: str) -> float | None:
    return registry.get_sample_value(name, labels)


def test_guides_eight_metrics_are_there(registry: CollectorRegistry, metrics: AggregatorMetrics) -> None:
    """All eight names of the guide are exported, in Prometheus' own format."""
    metrics.observe_aggregation(seconds=0.5, events=10)
    families = text_string_to_metric_families(generate_latest(registry).decode())
    assert {family.name for family in families if not family.name.endswith("_created")} == GUIDE
    assert value(registry, "aggregation_items_per_second") == 20.0


def test_only_ends_are_counted_and_copies_once(registry: CollectorRegistry, metrics: AggregatorMetrics) -> None:
    """Starts and stages are no generations, and the same event delivered twice is one."""
    named = {"node_type": "effect", "domain": "api"}
    end = completed(duration_seconds=3.0, quality_score=0.5, **named)
    metrics.observe_events(frame(started(**named), stage(1), end, end, failed("w2", duration_seconds=9.0, **named)))

    assert value(registry, "codegen_generations_total", **named) == 2
    assert value(registry, "codegen_generations_successful_total", **named) == 1
    assert value(registry, "codegen_generations_failed_total", **named) == 1
    assert value(registry, "codegen_generation_duration_seconds_sum", **named) == 3.0
    assert value(registry, "codegen_quality_score", **named) == 0.5


def test_batch_without_scores_keeps_the_last_quality(registry: CollectorRegistry, metrics: AggregatorMetrics) -> None:
    """A micro-batch that has no score does not make the gauge zero."""
    named = {"node_type": "effect", "domain": "api"}
    for score in (0.5, None):
        metrics.observe_events(frame(completed(str(score), quality_score=score, **named)))
    assert value(registry, "codegen_quality_score", **named) == 0.5


def test_labels_are_capped(registry: CollectorRegistry, metrics: AggregatorMetrics) -> None:
    """Of an open set of names only the first so many get a series of their own; no generation is lost in the sum."""
    many = MAX_LABEL_VALUES + 10
    metrics.observe_events(
        frame(*(completed(f"w{number}", domain=f"d{number}", node_type="effect") for number in range(many)))
    )
    totals = {
        sample.labels["domain"]: sample.value
        for family in registry.collect()
        for sample in family.samples
        if sample.name == "codegen_generations_total"
    }
    assert len(totals) == MAX_LABEL_VALUES + 1
    assert (totals[OTHER], sum(totals.values())) == (10, many)


def test_what_is_not_named_is_unknown(registry: CollectorRegistry, metrics: AggregatorMetrics) -> None:
    """A generation whose event names neither node type nor domain has the label `unknown`."""
    metrics.observe_events(frame(failed()))
    assert value(registry, "codegen_generations_failed_total", node_type="unknown", domain="unknown") == 1
