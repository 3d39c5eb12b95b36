"""Cuts: one window type by one strategy. Every measure is an aggregate over the windows and groups of some cuts."""

from collections.abc import Sequence
from typing import TypeAlias

import polars as pl

from ingest.schema import TIMESTAMP
from pipelines.enums import EnumAggregationType, EnumWindowType
from pipelines.windows import Window, window_end, window_start

#: What tells one row of a cut from another.
CUT_KEY = ["window_type", "window_start", "aggregation_type", "group_key", "window_end"]

#: What a strategy groups by, as an expression of the columns of `schema.GENERATIONS`.
GROUP_KEY = {
    EnumAggregationType.NODE_TYPE_GROUPING: pl.col("node_type"),
    EnumAggregationType.QUALITY_BUCKETS: pl.col("quality_bucket"),
    EnumAggregationType.TIME_WINDOW: pl.lit("all"),
    EnumAggregationType.DOMAIN_GROUPING: pl.col("domain"),
}

#: One window type by one strategy, in these windows of that type; None: in all.
Cut: TypeAlias = tuple[EnumWindowType, EnumAggregationType, Sequence[Window] | None]


def cut(
    frame: pl.LazyFrame, /, cuts: Sequence[Cut], measures: Sequence[pl.Expr], *, by: Sequence[str] = ()
) -> pl.LazyFrame:
    """Return the measures of each cut's windows and groups, one cut below the other, under `CUT_KEY` and `by`.

    frame: the columns that the strategies, `by` and the measures name, and `instant`, which decides about the window;
    a row without one is in no window.
    """
    instant = pl.col("instant")
    return pl.concat(
        _within(frame, windows)
        .group_by(
            window_start(instant, window_type).alias("window_start"),
            GROUP_KEY[aggregation_type].alias("group_key"),
            *by,
        )
        .agg(measures)
        .with_columns(
            pl.lit(str(window_type)).alias("window_type"),
            pl.lit(str(aggregation_type)).alias("aggregation_type"),
            window_end(pl.col("window_start"), window_type).alias("window_end"),
        )
        for window_type, aggregation_type, windows in cuts
    )


def _within(frame: pl.LazyFrame, windows: Sequence[Window] | None) -> pl.LazyFrame:
    """Keep the rows whose `instant` is in one of the windows; None keeps all that have one."""
    instant = pl.col("instant")
    if windows is None:
        return frame.filter(instant.is_not_null())
    if not windows:
        return frame.clear()
    # The range first: a scan can skip whole files by it.
    first, last = min(windows), max(windows)
    starts = pl.Series([window.start for window in windows], dtype=TIMESTAMP)
    return frame.filter(
        instant.is_between(first.start, last.end, closed="left"),
        window_start(instant, first.window_type).is_in(starts.implode()),
    )
