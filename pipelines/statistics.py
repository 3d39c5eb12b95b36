"""From generations to the statistics of windows: four strategies, one shape."""

from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta

import polars as pl
import polars.selectors as cs

from ingest.schema import TIMESTAMP
from pipelines.enums import EnumAggregationType, EnumWindowType
from pipelines.measures import derived, ended_measures, prepared
from pipelines.schema import COUNTS, STATISTICS, STATISTICS_KEY
from pipelines.windows import Window, window_end, window_start

#: An attempt without a terminal event counts as abandoned this long after the hour in which it started.
ABANDON_AFTER = timedelta(hours=24)

_GROUP_KEY = {
    EnumAggregationType.NODE_TYPE_GROUPING: pl.col("node_type"),
    EnumAggregationType.QUALITY_BUCKETS: pl.col("quality_bucket"),
    EnumAggregationType.TIME_WINDOW: pl.lit("all"),
    EnumAggregationType.DOMAIN_GROUPING: pl.col("domain"),
}


def window_statistics(
    generations: pl.LazyFrame,
    /,
    window_type: EnumWindowType,
    aggregation_type: EnumAggregationType,
    *,
    as_of: datetime,
    windows: Sequence[Window] | None = None,
) -> pl.LazyFrame:
    """One row per (window_start, group_key): columns and the meaning of null as in `schema.STATISTICS`.

    generations: as in `schema.GENERATIONS`. as_of: aware; what is unfinished is in flight or abandoned as of then.
    windows: of that type; the only ones computed. None: every window in which something started or ended.
    """
    if as_of.tzinfo is None:
        raise ValueError("as_of has no time zone")
    by = [
        window_start(pl.col("instant"), window_type).alias("window_start"),
        _GROUP_KEY[aggregation_type].alias("group_key"),
    ]
    ended = _ended(generations, windows).group_by(by).agg(ended_measures())
    started = _started(generations, windows, as_of).group_by(by).agg(_started_measures())
    both = ended.join(started, on=["window_start", "group_key"], how="full", coalesce=True)
    return (
        both.with_columns(
            pl.lit(str(window_type)).alias("window_type"),
            window_end(pl.col("window_start"), window_type).alias("window_end"),
            pl.lit(str(aggregation_type)).alias("aggregation_type"),
            (cs.by_name(COUNTS, require_all=False) | cs.ends_with("_n")).fill_null(0),
        )
        .with_columns(derived())
        .select(pl.col(name).cast(dtype) for name, dtype in STATISTICS.items())
    )


def all_statistics(
    generations: pl.LazyFrame | pl.DataFrame,
    /,
    windows: Mapping[EnumWindowType, Sequence[Window]],
    *,
    as_of: datetime,
) -> pl.DataFrame:
    """Return the statistics of exactly these windows by all four strategies, sorted by `schema.STATISTICS_KEY`.

    A window in which nothing started or ended has no row.
    """
    frame = generations.lazy()
    parts = [
        window_statistics(frame, window_type, aggregation_type, as_of=as_of, windows=wanted)
        for window_type, wanted in windows.items()
        for aggregation_type in EnumAggregationType
        if wanted
    ]
    if not parts:
        return pl.DataFrame(schema=STATISTICS)
    return pl.concat(pl.collect_all(parts)).sort(STATISTICS_KEY)


def _ended(generations: pl.LazyFrame, windows: Sequence[Window] | None) -> pl.LazyFrame:
    """The generations that ended in the windows, at their `instant`."""
    return _within(generations.with_columns(prepared(), instant="ended_at"), windows)


def _started(generations: pl.LazyFrame, windows: Sequence[Window] | None, as_of: datetime) -> pl.LazyFrame:
    """The attempts that started in the windows, at their `instant`, and what became of the unfinished."""
    started_at, unfinished = pl.col("started_at"), pl.col("ended_at").is_null()
    abandoned = window_end(started_at, EnumWindowType.HOURLY) + ABANDON_AFTER <= as_of
    return _within(
        generations.with_columns(
            instant="started_at",
            _abandoned=unfinished & abandoned,
            _in_flight=unfinished & ~abandoned,
        ),
        windows,
    )


def _started_measures() -> list[pl.Expr]:
    return [
        pl.len().alias("started_generations"),
        pl.col("_in_flight").sum().alias("in_flight_generations"),
        pl.col("_abandoned").sum().alias("abandoned_generations"),
    ]


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
