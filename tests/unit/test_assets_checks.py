"""The checks find what is wrong, and only that."""

from datetime import date
from decimal import Decimal
from typing import Any

import polars as pl
import pytest

from assets.contradictions import contradictions
from assets.events import count_faults
from pipelines.enums import EnumAggregationType, EnumWindowType
from pipelines.generations import generations
from pipelines.rows import metric_rows
from pipelines.statistics import all_statistics
from pipelines.windows import window_of
from sql.metric_rows import metric
from tests.events import completed, failed, frame, stage, started

LAKE = "11111111-1111-4111-8111-111111111111"

Rows = list[dict[str, Any]]


@pytest.fixture
def rows() -> Rows:
    """The rows of one hour in which two generations ended well, one failed and one began, as they are read."""
    events = frame(
        started("a", node_type="effect", domain="api"),
        completed("a", duration_seconds=2.0, quality_score=0.9, tokens=10, cost_usd=Decimal("0.1")),
        completed("b", node_type="compute", domain="ml", duration_seconds=4.0, cost_usd=Decimal("0.2")),
        failed("c", node_type="compute", domain="api", duration_seconds=1.0, tokens=5),
        started("d", node_type="reducer", domain="data"),
        stage(1, "d", tokens=7),
    )
    hour = window_of(events["event_time"].max(), EnumWindowType.HOURLY)  # type: ignore[arg-type]
    windows = {EnumWindowType.HOURLY: [hour]}
    made = metric_rows(all_statistics(generations(events.lazy()), windows, as_of=hour.start))
    stamp = {"lake_id": LAKE, "lake_version": 3, "checked_lake_version": 4}
    return [metric(row | stamp) for row in made.to_dicts()]


def _of(rows: Rows, strategy: EnumAggregationType) -> dict[str, Any]:
    return next(row for row in rows if row["aggregation_type"] == strategy.value)


def test_rows_as_we_make_them_agree(rows: Rows) -> None:
    """All four strategies are there, and add up."""
    assert {row["aggregation_type"] for row in rows} == set(EnumAggregationType)
    assert contradictions(rows, lake_id=LAKE, lake_version=4) == []


@pytest.mark.parametrize("strategy", list(EnumAggregationType))
def test_a_count_that_was_tampered_with_is_found(rows: Rows, strategy: EnumAggregationType) -> None:
    """In whichever strategy it is."""
    _of(rows, strategy)["failed_generations"] += 1
    found = contradictions(rows, lake_id=LAKE, lake_version=4)
    assert found
    assert all("failed_generations" in line for line in found)


def test_a_sum_that_lacks_a_billionth_of_a_dollar_is_found(rows: Rows) -> None:
    """Money adds up exactly."""
    priced = [row for row in rows if row["cost_statistics"]["total_cost_usd"]]
    priced[0]["cost_statistics"]["total_cost_usd"] += Decimal("1e-9")
    assert "cost_statistics.total_cost_usd" in contradictions(rows, lake_id=LAKE, lake_version=4)[0]


@pytest.mark.parametrize("strategy", list(EnumAggregationType))
def test_a_missing_row_is_found(rows: Rows, strategy: EnumAggregationType) -> None:
    """A group that was lost makes its strategy differ from the others."""
    rows.remove(_of(rows, strategy))
    assert contradictions(rows, lake_id=LAKE, lake_version=4)


def test_rows_of_another_lake_are_found(rows: Rows) -> None:
    """They were left behind when the lake was replaced."""
    found = contradictions(rows, lake_id="another", lake_version=4)
    assert len(found) == len(rows)
    assert all("made from another lake" in line for line in found)


def test_rows_of_a_version_that_the_lake_has_not_reached_are_found(rows: Rows) -> None:
    """The lake was restored from an older copy."""
    found = contradictions(rows, lake_id=LAKE, lake_version=3)
    assert all("made from version 4, the lake is at 3" in line for line in found)
    assert len(found) == len(rows)


def test_sound_events_have_no_faults() -> None:
    """The same position in another batch is no fault: a new cluster counts from 0 again."""
    events = frame(
        started(event_id="1", offset=0, batch_id="x"),
        completed(event_id="2", offset=1, batch_id="x"),
        started(event_id="3", offset=0, batch_id="y"),
    )
    assert count_faults(events.lazy()) == {
        "rows": 3,
        "rows_without_identity": 0,
        "rows_under_a_wrong_date": 0,
        "messages_repeated_in_a_batch": 0,
    }


def test_each_fault_of_the_events_is_counted() -> None:
    """One row without an id, one under another date, one message twice."""
    events = frame(
        started(event_id=None, offset=0, batch_id="x"),
        started(event_id="2", offset=1, batch_id="x", event_date=date(2020, 1, 1)),
        started(event_id="3", offset=2, batch_id="x"),
        started(event_id="4", offset=2, batch_id="x"),
    )
    assert count_faults(events.lazy()) == {
        "rows": 4,
        "rows_without_identity": 1,
        "rows_under_a_wrong_date": 1,
        "messages_repeated_in_a_batch": 1,
    }


def test_an_empty_lake_has_no_faults() -> None:
    """Zero rows, zero faults, no nulls."""
    assert count_faults(pl.LazyFrame(schema=frame().schema)) == {
        "rows": 0,
        "rows_without_identity": 0,
        "rows_under_a_wrong_date": 0,
        "messages_repeated_in_a_batch": 0,
    }
