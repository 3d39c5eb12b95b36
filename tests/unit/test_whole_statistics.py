"""Attempts, stages, models and the cost of failures, each by an example counted by hand."""

import json
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any

from pipelines.compute import attempts_of, rows_from
from pipelines.enums import EnumWindowType
from pipelines.windows import windows_over
from tests.events import Event, completed, failed, frame, stage

NOON = datetime(2025, 10, 24, 12, tzinfo=UTC)
AS_OF = datetime(2025, 10, 25, tzinfo=UTC)


def whole(*events: Event, window_type: EnumWindowType = EnumWindowType.HOURLY) -> list[dict[str, Any]]:
    """The rows `all` of the windows in which something ended, oldest first, their JSON read."""
    attempts = attempts_of(frame(*events).lazy())
    windows = {window_type: windows_over(attempts.generations["ended_at"].drop_nulls(), window_type)}
    rows = rows_from(attempts, windows, as_of=AS_OF).filter(aggregation_type="time_window").to_dicts()
    return [{n: json.loads(v) if n.endswith("_statistics") else v for n, v in row.items()} for row in rows]


def after(hours: float) -> datetime:
    return NOON + timedelta(hours=hours)


def test_a_retry_that_succeeds_is_an_eventual_success_and_no_first_one() -> None:
    """Two attempts ended, one workflow: the first failed, the last word is a success."""
    (row,) = whole(failed("w", at=NOON), completed("w", at=after(0.5), attempt=2))
    assert row["attempt_statistics"] == {
        "first_attempts": 1,
        "first_attempt_successes": 0,
        "first_attempt_success_rate": 0.0,
        "retried_attempts": 1,
        "final_attempts": 1,
        "eventual_successes": 1,
        "eventual_success_rate": 1.0,
    }


def test_a_workflow_counts_where_its_last_attempt_ended_and_a_retry_after_a_day_is_another() -> None:
    """24 hours later is still the same; a moment more is not."""
    same, later = whole(failed("w", at=NOON), completed("w", at=after(24), attempt=2))
    assert (same["attempt_statistics"]["final_attempts"], later["attempt_statistics"]["final_attempts"]) == (0, 1)
    first, second = whole(failed("w", at=NOON), completed("w", at=after(24.001), attempt=2))
    assert (first["attempt_statistics"]["final_attempts"], second["attempt_statistics"]["final_attempts"]) == (1, 1)


def test_cost_of_failures_and_per_success_counts_known_costs_alone() -> None:
    """Two of three costs are known: a success of 2 dollars paid for a failure of 1."""
    costs = completed("a", cost_usd=Decimal(2)), failed("b", cost_usd=Decimal(1), tokens=5), completed("c")
    (row,) = whole(*costs)
    cost = row["cost_statistics"]
    assert (cost["failed_cost_usd"], cost["failed_cost_n"], cost["failed_tokens"]) == (1, 1, 5)
    assert cost["cost_per_success_usd"] == 3
    assert cost["known_cost_share"] == 2 / 3


def test_percentiles_of_few_values_are_marked_as_weak() -> None:
    """p95 under 20 durations, p99 under 100."""
    marks = {}
    for n in (19, 20, 99, 100):
        (row,) = whole(*(completed(f"w{i}", duration_seconds=1.0) for i in range(n)))
        marks[n] = (row["duration_statistics"]["p95_is_weak"], row["duration_statistics"]["p99_is_weak"])
    assert marks == {19: (True, True), 20: (False, True), 99: (False, True), 100: (False, False)}


def test_stages_count_with_the_end_of_their_generation() -> None:
    """Failures have no part in the durations, but in the spend; stages of what is unfinished wait for its end."""
    events = [
        stage(1, "a", at=after(-1), duration_seconds=0.1, stage_success=True, tokens=10, cost_usd=Decimal("0.01")),
        stage(1, "b", at=NOON, duration_seconds=0.3, stage_success=False, tokens=20),
        stage(1, "c", at=NOON, duration_seconds=9.0),
        completed("a", at=NOON),
        failed("b", at=NOON),
    ]
    (row,) = whole(*events)
    assert row["stage_statistics"] == {
        "stage 1": {
            "stage_number": 1,
            "count": 2,
            "failures": 1,
            "p50_ms": 100.0,
            "p95_ms": 100.0,
            "n": 1,
            "p95_is_weak": True,
            "total_tokens": 30,
            "tokens_n": 2,
            "total_cost_usd": 0.01,
            "cost_n": 1,
        }
    }


def test_models_and_node_types_share_out_the_generations() -> None:
    """A name may hold anything that JSON can; what is unknown is called so."""
    events = (
        completed("a", primary_model='a "b" \\', node_type="effect"),
        failed("b", node_type="effect"),
        completed("c"),
    )
    (row,) = whole(*events)
    models, types = row["model_statistics"], row["node_type_statistics"]
    assert {name: model["total_generations"] for name, model in models.items()} == {'a "b" \\': 1, "unknown": 2}
    assert types["effect"] == {
        "total_generations": 2,
        "successful_generations": 1,
        "failed_generations": 1,
        "success_rate": 0.5,
    }
    assert set(types) == {"effect", "unknown"}
