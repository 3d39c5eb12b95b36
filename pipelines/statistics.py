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


_KEY = [*STATISTICS_KEY, "window_end"]

#: One window type by one strategy, in these windows of that type; None: in all.
_Cut = tuple[EnumWindowType, EnumAggregationType, Sequence[Window] | None]


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
    return _statistics(generations, [(window_type, aggregation_type, windows)], as_of)


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
    cuts: list[_Cut] = [
        (window_type, aggregation_type, wanted)
        for window_type, wanted in windows.items()
        for aggregation_type in EnumAggregationType
        if wanted
    ]
    if not cuts:
        return pl.DataFrame(schema=STATISTICS)
    return _statistics(generations.lazy(), cuts, as_of).collect().sort(STATISTICS_KEY)


def _statistics(generations: pl.LazyFrame, cuts: Sequence[_Cut], as_of: datetime) -> pl.LazyFrame:
    """Group what ended and what started by each cut; then everything else once for all cuts together."""
    if as_of.tzinfo is None:
        raise ValueError("as_of has no time zone")
    ended = _cut(generations.with_columns(prepared(), instant="ended_at"), cuts, ended_measures())
    started = _cut(_with_fate(generations, as_of), cuts, _started_measures())
    return (
        ended.join(started, on=_KEY, how="full", coalesce=True)
        .with_columns((cs.by_name(COUNTS, require_all=False) | cs.ends_with("_n")).fill_null(0))
        .with_columns(derived())
        .select(pl.col(name).cast(dtype) for name, dtype in STATISTICS.items())
    )


def _cut(frame: pl.LazyFrame, cuts: Sequence[_Cut], measures: Sequence[pl.Expr]) -> pl.LazyFrame:
    """Return the measures of each cut's windows and groups, one cut below the other, under `_KEY`."""
    instant = pl.col("instant")
    return pl.concat(
        _within(frame, windows)
        .group_by(
            window_start(instant, window_type).alias("window_start"), _GROUP_KEY[aggregation_type].alias("group_key")
        )
        .agg(measures)
        .with_columns(
            pl.lit(str(window_type)).alias("window_type"),
            pl.lit(str(aggregation_type)).alias("aggregation_type"),
            window_end(pl.col("window_start"), window_type).alias("window_end"),
        )
        for window_type, aggregation_type, windows in cuts
    )


def _with_fate(generations: pl.LazyFrame, as_of: datetime) -> pl.LazyFrame:
    """The attempts at the `instant` of their start, and what became of the unfinished."""
    started_at, unfinished = pl.col("started_at"), pl.col("ended_at").is_null()
    abandoned = window_end(started_at, EnumWindowType.HOURLY) + ABANDON_AFTER <= as_of
    return generations.with_columns(
        instant="started_at", _abandoned=unfinished & abandoned, _in_flight=unfinished & ~abandoned
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
