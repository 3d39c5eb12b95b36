"""Rows of statistics as flat Polars frames."""

from collections.abc import Mapping, Sequence
from typing import Any

import polars as pl

from pipelines.enums import EnumWindowType
from pipelines.schema import MONEY, STATISTICS
from pipelines.windows import windows_between

#: Where a nested row keeps the columns that are not at its top, and its names for them.
_NESTED = {
    "avg_duration_seconds": ("duration_statistics", "avg_seconds"),
    "p50_duration_seconds": ("duration_statistics", "p50_seconds"),
    "p95_duration_seconds": ("duration_statistics", "p95_seconds"),
    "p99_duration_seconds": ("duration_statistics", "p99_seconds"),
    "min_duration_seconds": ("duration_statistics", "min_seconds"),
    "max_duration_seconds": ("duration_statistics", "max_seconds"),
    "duration_n": ("duration_statistics", "n"),
    "failed_avg_seconds": ("duration_statistics", "failed_avg_seconds"),
    "failed_duration_n": ("duration_statistics", "failed_n"),
    "avg_quality": ("quality_statistics", "avg_score"),
    "min_quality": ("quality_statistics", "min_score"),
    "max_quality": ("quality_statistics", "max_score"),
    "quality_n": ("quality_statistics", "n"),
    "total_tokens": ("cost_statistics", "total_tokens"),
    "tokens_n": ("cost_statistics", "tokens_n"),
    "avg_tokens": ("cost_statistics", "avg_tokens_per_generation"),
    "total_cost_usd": ("cost_statistics", "total_cost_usd"),
    "cost_n": ("cost_statistics", "cost_n"),
    "avg_cost_usd": ("cost_statistics", "avg_cost_per_generation"),
    "p95_is_weak": ("duration_statistics", "p95_is_weak"),
    "p99_is_weak": ("duration_statistics", "p99_is_weak"),
    "known_cost_share": ("cost_statistics", "known_cost_share"),
    "cost_per_success_usd": ("cost_statistics", "cost_per_success_usd"),
    "failed_tokens": ("cost_statistics", "failed_tokens"),
    "failed_tokens_n": ("cost_statistics", "failed_tokens_n"),
    "failed_cost_usd": ("cost_statistics", "failed_cost_usd"),
    "failed_cost_n": ("cost_statistics", "failed_cost_n"),
    "first_attempts": ("attempt_statistics", "first_attempts"),
    "first_attempt_successes": ("attempt_statistics", "first_attempt_successes"),
    "first_attempt_success_rate": ("attempt_statistics", "first_attempt_success_rate"),
    "retried_attempts": ("attempt_statistics", "retried_attempts"),
    "final_attempts": ("attempt_statistics", "final_attempts"),
    "eventual_successes": ("attempt_statistics", "eventual_successes"),
    "eventual_success_rate": ("attempt_statistics", "eventual_success_rate"),
    "duration_method": ("duration_statistics", "method"),
    "percentile_error": ("duration_statistics", "relative_error"),
}

_STATISTICS: dict[str, pl.DataType] = {
    name: pl.Float64() if dtype == MONEY else dtype for name, dtype in STATISTICS.items()
}

#: The columns of `pipelines.schema.STATISTICS`, with money as Float64, since charts know no decimals; and four more.
FRAME = pl.Schema(
    {
        **_STATISTICS,
        "duration_method": pl.String(),  # exact, or ddsketch: the percentiles were merged, and are near
        "percentile_error": pl.Float64(),  # how far they may then be off, as a share of them; null: they are exact
        "aggregation_id": pl.String(),
        "lake_version": pl.Int64(),  # the version of the lake that the row was made from
    }
)


def flat_frame(rows: Sequence[Mapping[str, Any]], /) -> pl.DataFrame:
    """Return nested rows, as `MetricStore.read_metrics` gives them, as one frame of the columns of `FRAME`.

    Durations are in seconds, money in US dollars, rates and scores in [0, 1], times in UTC. Unknown is null.
    """
    columns = {name: pl.Series(name, [_value(row, name) for row in rows], dtype) for name, dtype in FRAME.items()}
    return pl.DataFrame(columns)


def with_gaps(frame: pl.DataFrame, /) -> pl.DataFrame:
    """Add a row for each group and window between the first and the last that has none, so that a line breaks there.

    Takes a frame of one window type and one strategy. The added rows know their window and group; the rest is null.
    """
    if frame.is_empty():
        return frame
    window_type = EnumWindowType(frame["window_type"].unique().item())
    first, last = frame.select(pl.col("window_start").min(), pl.col("window_end").max()).row(0)
    between = windows_between(first, last, window_type)
    windows = pl.DataFrame(
        {
            "window_type": [window_type.value] * len(between),
            "window_start": [window.start for window in between],
            "window_end": [window.end for window in between],
        },
        schema_overrides={name: FRAME[name] for name in ("window_start", "window_end")},
    )
    every = windows.join(frame.select("aggregation_type", "group_key").unique(), how="cross")
    added = every.join(frame, on=["window_start", "group_key"], how="anti")
    return pl.concat([frame, added], how="diagonal").sort("window_start", "group_key")


def _value(row: Mapping[str, Any], name: str) -> object:
    if name not in _NESTED:
        return row[name]
    statistics, key = _NESTED[name]
    return (row[statistics] or {}).get(key)
