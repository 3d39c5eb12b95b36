"""Rows on their way into PostgreSQL and out of it."""

from datetime import UTC, datetime, timedelta, timezone
from decimal import Decimal
from uuid import UUID

import polars as pl
import pytest

from sql.metric_rows import copy_text, metric
from tests.postgres import metric_row, metric_rows


def test_what_separates_columns_and_lines_is_escaped() -> None:
    """Tabs, newlines and backslashes of a value stay inside the value."""
    text = copy_text(metric_rows(metric_row(group_key="a\tb\nc\rd\\e")))
    assert text.count(b"\n") == 1
    assert text.count(b"\t") == 20
    assert rb"a\tb\nc\rd\\e" in text


def test_unknown_is_null_and_empty_is_not() -> None:
    r"""A null is written as \N, an empty text as nothing."""
    text = copy_text(metric_rows(metric_row(group_key="", success_rate=None))).split(b"\t")
    assert text[5] == b""
    assert text[9] == rb"\N"


def test_other_columns_are_refused() -> None:
    """COPY goes by position, so a frame of another shape must not get that far."""
    with pytest.raises(ValueError, match="METRIC_ROWS"):
        copy_text(metric_rows(metric_row()).drop("group_key"))
    with pytest.raises(ValueError, match="METRIC_ROWS"):
        copy_text(metric_rows(metric_row()).with_columns(pl.col("success_rate").cast(pl.String)))


def test_money_is_decimal_and_the_rest_is_plain() -> None:
    """Whole dollars are decimals too; counts stay int, seconds float, unknown None."""
    read = metric(
        {
            "cost_statistics": '{"total_cost_usd": 18, "avg_cost_per_generation": 0.120, "total_tokens": 3,'
            ' "avg_tokens_per_generation": 1.5}',
            "duration_statistics": '{"avg_seconds": 2.5, "p50_seconds": null, "method": "exact", "n": 4}',
            "quality_statistics": None,
        }
    )
    assert repr(read["cost_statistics"]) == repr(
        {
            "total_cost_usd": Decimal(18),
            "avg_cost_per_generation": Decimal("0.120"),
            "total_tokens": 3,
            "avg_tokens_per_generation": 1.5,
        }
    )
    assert repr(read["duration_statistics"]) == repr(
        {"avg_seconds": 2.5, "p50_seconds": None, "method": "exact", "n": 4}
    )
    assert read["quality_statistics"] is None


def test_ids_are_text_and_times_are_utc() -> None:
    """Whatever the time zone of the session, times come out in UTC."""
    summer = datetime(2025, 7, 1, 2, tzinfo=timezone(timedelta(hours=2)))
    read = metric({"aggregation_id": UUID(int=1), "window_start": summer})
    assert read == {"aggregation_id": str(UUID(int=1)), "window_start": datetime(2025, 7, 1, tzinfo=UTC)}
    assert read["window_start"].tzinfo is UTC
