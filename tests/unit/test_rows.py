"""The rows handed to Postgres."""

import json
from datetime import UTC, datetime
from decimal import Decimal
from uuid import UUID, uuid5

import polars as pl
import pytest

from pipelines.enums import EnumAggregationType, EnumWindowType
from pipelines.generations import generations
from pipelines.rows import NAMESPACE, metric_rows
from pipelines.statistics import window_statistics
from sql.metric_rows import METRIC_ROWS
from tests.events import Event, completed, failed, frame, started


def rows_of(*events: Event) -> pl.DataFrame:
    attempts = generations(frame(*events).lazy())
    strategy = EnumAggregationType.NODE_TYPE_GROUPING
    as_of = datetime(2025, 10, 25, tzinfo=UTC)
    return metric_rows(window_statistics(attempts, EnumWindowType.HOURLY, strategy, as_of=as_of).collect())


def test_the_columns_are_those_of_the_table() -> None:
    """A row has the columns and types that the sql room writes; no rows have them too."""
    assert rows_of(completed()).schema == METRIC_ROWS
    assert rows_of().schema == METRIC_ROWS


def test_the_json_has_all_statistics() -> None:
    """Durations, quality and cost are JSON objects of numbers."""
    events = completed(
        "a", duration_seconds=2.5, quality_score=0.88, tokens=1201, cost_usd=Decimal("0.12")
    ), failed("b", duration_seconds=1.0, tokens=0, cost_usd=Decimal("17.88"))  # fmt: skip
    (row,) = rows_of(*events).to_dicts()
    assert json.loads(row["duration_statistics"]) == {
        **dict.fromkeys(
            ["avg_seconds", "p50_seconds", "p95_seconds", "p99_seconds", "min_seconds", "max_seconds"], 2.5
        ),
        "n": 1,
        "p95_is_weak": True,
        "p99_is_weak": True,
        "failed_avg_seconds": 1.0,
        "failed_n": 1,
        "method": "exact",
        "relative_error": None,
    }
    assert json.loads(row["quality_statistics"]) == {"avg_score": 0.88, "min_score": 0.88, "max_score": 0.88, "n": 1}
    assert json.loads(row["cost_statistics"], parse_float=Decimal) == {
        "total_tokens": 1201,
        "total_cost_usd": 18,
        "avg_tokens_per_generation": Decimal("600.5"),
        "avg_cost_per_generation": 9,
        "tokens_n": 2,
        "cost_n": 2,
        "known_cost_share": 1,
        "cost_per_success_usd": 18,
        "failed_tokens": 0,
        "failed_cost_usd": Decimal("17.88"),
        "failed_tokens_n": 1,
        "failed_cost_n": 1,
    }
    assert json.loads(row["attempt_statistics"]) == {
        "first_attempts": 2,
        "first_attempt_successes": 1,
        "first_attempt_success_rate": 0.5,
        "retried_attempts": 0,
        "final_attempts": 2,
        "eventual_successes": 1,
        "eventual_success_rate": 0.5,
    }


def test_unknown_is_null_in_the_json() -> None:
    """Where an hour only has a start, every measure is null and every n 0."""
    (row,) = rows_of(started()).to_dicts()
    spend = {"tokens_n", "cost_n", "failed_tokens_n", "failed_cost_n"}
    for column, counts in (("duration", {"n", "failed_n"}), ("quality", {"n"}), ("cost", spend)):
        statistics = json.loads(row[f"{column}_statistics"])
        statistics = {name: value for name, value in statistics.items() if not isinstance(value, bool)}
        assert {name for name, value in statistics.items() if value == 0} == counts
        assert {name for name, value in statistics.items() if value is not None} - {"method"} == counts


@pytest.mark.parametrize(
    ("costs", "total", "average"),
    [
        (["0.1", "0.2"], "0.3", "0.15"),
        (["9.00", "9.00"], "18", "9"),
        (["0.000000001"], "0.000000001", "0.000000001"),
        (["0"], "0", "0"),
        (["1000000", "1000000"], "2000000", "1000000"),
        (["100.10", "0"], "100.1", "50.05"),
        (["0.01", "0.01", "0"], "0.02", "0.006666667"),
    ],
)
def test_money_is_written_with_its_exact_digits(costs: list[str], total: str, average: str) -> None:
    """No float noise, no exponent, no trailing zeros."""
    events = (completed(f"w{n}", cost_usd=Decimal(cost)) for n, cost in enumerate(costs))
    text = rows_of(*events)["cost_statistics"].item()
    assert f'"total_cost_usd":{total},' in text
    assert f'"avg_cost_per_generation":{average},' in text


def test_there_is_one_zero() -> None:
    """The -0.0 that JSON allows is written as the 0.0 that it equals."""
    (row,) = rows_of(completed(duration_seconds=-0.0, quality_score=-0.0)).to_dicts()
    assert "-" not in row["duration_statistics"] + row["quality_statistics"]


def test_the_identity_names_window_and_group() -> None:
    """The id is the uuid5 of window type, start, strategy and group, which anyone can make again."""
    (row,) = rows_of(completed(node_type="effect", at="2025-10-24T10:30:00")).to_dicts()
    name = "hourly|2025-10-24T10:00:00Z|node_type_grouping|effect"
    assert UUID(row["aggregation_id"]) == uuid5(NAMESPACE, name) == UUID("c765aebe-d69b-5e32-800b-81bdb2268469")
