"""Rows of statistics on their way into PostgreSQL and out of it."""

import json
from collections.abc import Mapping
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any, TypeAlias
from uuid import UUID

import polars as pl

TIMESTAMP = pl.Datetime("us", "UTC")

#: What the store is given, in the order in which it is copied. The last seven hold JSON objects.
METRIC_ROWS = pl.Schema(
    {
        "aggregation_id": pl.String(),
        "window_type": pl.String(),
        "window_start": TIMESTAMP,
        "window_end": TIMESTAMP,
        "aggregation_type": pl.String(),
        "group_key": pl.String(),
        "total_generations": pl.Int64(),
        "successful_generations": pl.Int64(),
        "failed_generations": pl.Int64(),
        "success_rate": pl.Float64(),
        "started_generations": pl.Int64(),
        "in_flight_generations": pl.Int64(),
        "abandoned_generations": pl.Int64(),
        "conflicting_terminal_events": pl.Int64(),
        "duration_statistics": pl.String(),
        "quality_statistics": pl.String(),
        "cost_statistics": pl.String(),
        "attempt_statistics": pl.String(),
        "stage_statistics": pl.String(),
        "model_statistics": pl.String(),
        "node_type_statistics": pl.String(),
    }
)

#: One row as it is read: see `metric`.
Metric: TypeAlias = dict[str, Any]

_FREE_TEXT = ["group_key", *(name for name in METRIC_ROWS if name.endswith("_statistics"))]
_MONEY = {"total_cost_usd", "avg_cost_per_generation", "cost_per_success_usd", "failed_cost_usd"}


def copy_text(rows: pl.DataFrame, /) -> bytes:
    r"""Return rows of `METRIC_ROWS` in the text format of PostgreSQL's COPY. Raises ValueError for other columns.

    CSV would have to double every quote of the JSON, and before PostgreSQL 18 a line `\.` inside a value ends the data.
    """
    if rows.schema != METRIC_ROWS:
        raise ValueError(f"not the columns of METRIC_ROWS: {rows.schema}")
    escaped = pl.col(_FREE_TEXT).str.replace_many(["\\", "\n", "\r", "\t"], [r"\\", r"\n", r"\r", r"\t"])
    return (
        rows.with_columns(escaped)
        .write_csv(
            include_header=False,
            separator="\t",
            quote_style="never",
            null_value=r"\N",
            datetime_format="%Y-%m-%d %H:%M:%S%.6f+00",
        )
        .encode()
    )


def metric(row: Mapping[str, Any], /) -> Metric:
    """Return a row of the table in the guide's shape: statistics as nested dicts, ids as text, times in UTC.

    Rates and money are Decimal, as they are stored; other numbers are int and float. Unknown is None.
    """
    return {column: _read(column, value) for column, value in row.items()}


def _read(column: str, value: object) -> object:
    match value:
        case UUID():
            return str(value)
        case datetime():
            return value.astimezone(UTC)
        case str() if column.endswith("_statistics"):
            return {name: _number(name, number) for name, number in json.loads(value, parse_float=Decimal).items()}
        case _:
            return value


def _number(name: str, value: object) -> object:
    """Money may have come as a whole number; what is not money needs no decimals."""
    match value:
        case bool():
            return value
        case dict():
            return {key: _number(key, number) for key, number in value.items()}
        case Decimal() | int() if name in _MONEY:
            return Decimal(value)
        case Decimal():
            return float(value)
        case _:
            return value


__all__ = ["METRIC_ROWS", "Metric", "copy_text", "metric"]
