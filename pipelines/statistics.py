"""From generations to the statistics of windows: four strategies, one shape."""

from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta

import polars as pl
import polars.selectors as cs

from pipelines.cuts import CUT_KEY, Cut
from pipelines.enums import EnumAggregationType, EnumWindowType
from pipelines.few_rows import cut_any, few_or_lazy
from pipelines.measures import derived, ended_measures, prepared
from pipelines.schema import ATTEMPT_COUNTS, COUNTS, STATISTICS, STATISTICS_KEY, Frame
from pipelines.windows import Window, window_end

#: An attempt without a terminal event counts as abandoned this long after the hour in which it started.
ABANDON_AFTER = timedelta(hours=24)


def window_statistics(
    generations: pl.LazyFrame,
    /,
    window_type: EnumWindowType,
    aggregation_type: EnumAggregationType,
    *,
    as_of: datetime,
    windows: Sequence[Window] | None = None,
    by: Sequence[str] = (),
) -> pl.LazyFrame:
    """One row per (window_start, group_key, *by): columns and the meaning of null as in `schema.STATISTICS`.

    generations: as in `schema.GENERATIONS`. as_of: aware; what is unfinished is in flight or abandoned as of then.
    windows: of that type; the only ones computed. None: every window in which something started or ended.
    by: columns without nulls by which the groups are split further; the result has them, too.
    """
    return _statistics(generations, [(window_type, aggregation_type, windows)], as_of, by)


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
    cuts = all_cuts(windows)
    if not cuts:
        return pl.DataFrame(schema=STATISTICS)
    return _statistics(few_or_lazy(generations), cuts, as_of).collect().sort(STATISTICS_KEY)


def all_cuts(windows: Mapping[EnumWindowType, Sequence[Window]]) -> list[Cut]:
    """Return the cuts of these windows by all four strategies."""
    return [
        (window_type, aggregation_type, wanted)
        for window_type, wanted in windows.items()
        for aggregation_type in EnumAggregationType
        if wanted
    ]


def _statistics(
    generations: pl.LazyFrame | pl.DataFrame, cuts: Sequence[Cut], as_of: datetime, by: Sequence[str] = ()
) -> pl.LazyFrame:
    """Group what ended and what started by each cut; then everything else once for all cuts together."""
    if as_of.tzinfo is None:
        raise ValueError("as_of has no time zone")
    ended = cut_any(generations.with_columns(prepared(), instant="ended_at"), cuts, ended_measures(), by=by)
    started = cut_any(with_fate(generations, as_of), cuts, started_measures(), by=by)
    return finished(ended.join(started, on=[*CUT_KEY, *by], how="full", coalesce=True), by)


def finished(aggregates: pl.LazyFrame, by: Sequence[str] = ()) -> pl.LazyFrame:
    """Return the columns of `schema.STATISTICS` that follow from the aggregates of what ended and what started."""
    return (
        aggregates.with_columns(
            (cs.by_name(*COUNTS, *ATTEMPT_COUNTS, require_all=False) | cs.ends_with("_n")).fill_null(0)
        )
        .with_columns(derived())
        .select(*by, *(pl.col(name).cast(dtype) for name, dtype in STATISTICS.items()))
    )


def with_fate(generations: Frame, as_of: datetime) -> Frame:
    """The attempts at the `instant` of their start, and what became of the unfinished."""
    started_at, unfinished = pl.col("started_at"), pl.col("ended_at").is_null()
    abandoned = window_end(started_at, EnumWindowType.HOURLY) + ABANDON_AFTER <= as_of
    return generations.with_columns(
        instant="started_at", _abandoned=unfinished & abandoned, _in_flight=unfinished & ~abandoned
    )


def started_measures() -> list[pl.Expr]:
    """Aggregates over a group of started generations, which have the columns of `with_fate`."""
    return [
        pl.len().alias("started_generations"),
        pl.col("_in_flight").sum().alias("in_flight_generations"),
        pl.col("_abandoned").sum().alias("abandoned_generations"),
    ]
