"""State that adds up: one pass over generations gives hours, from which every window and strategy is merged."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

import polars as pl

from pipelines.cuts import cut
from pipelines.enums import EnumAggregationType, EnumWindowType
from pipelines.measures import PERCENTILES, prepared, summable_measures
from pipelines.schema import GENERATIONS, STATISTICS_KEY
from pipelines.sketch import bucket, counts, quantiles
from pipelines.statistics import finished, started_measures, with_fate
from pipelines.windows import Window, window_start

#: What the strategies group by. The rest, `time_window`, adds up any of them: the one with the fewest names.
_DIMENSIONS = {
    EnumAggregationType.QUALITY_BUCKETS: "quality_bucket",
    EnumAggregationType.NODE_TYPE_GROUPING: "node_type",
    EnumAggregationType.DOMAIN_GROUPING: "domain",
}
_CELL = list(_DIMENSIONS.values())
_SHARES = {f"{name}_duration_seconds": share for name, share in PERCENTILES.items()}
#: From which windows others are merged: days do not share an hour, weeks and months no day.
_PARTS = {
    EnumWindowType.HOURLY: EnumWindowType.HOURLY,
    EnumWindowType.DAILY: EnumWindowType.HOURLY,
    EnumWindowType.WEEKLY: EnumWindowType.DAILY,
    EnumWindowType.MONTHLY: EnumWindowType.DAILY,
}
#: What is not a sum, by the beginning of its name.
_MERGES = {"min_": pl.Expr.min, "max_": pl.Expr.max}
_MICROSECONDS = 3_600_000_000


@dataclass(frozen=True, slots=True)
class State:
    """What is known of some hours.

    cells: a row per (instant, node_type, quality_bucket, domain), instant being the hour, with what adds up.
    durations: by the column of a strategy, a row per (instant, that column, bucket): n durations of successes.
    """

    cells: pl.DataFrame
    durations: Mapping[str, pl.DataFrame]


def state_of(generations: pl.LazyFrame, /, *, as_of: datetime) -> State:
    """Reduce generations (the columns of `schema.GENERATIONS`) to the state of their hours; `as_of` as elsewhere."""
    hour = window_start(pl.col("instant"), EnumWindowType.HOURLY)
    ended = generations.filter(pl.col("ended_at").is_not_null()).with_columns(prepared(), instant="ended_at")
    started = with_fate(generations.filter(pl.col("started_at").is_not_null()), as_of)
    key = [hour.alias("instant"), *_CELL]
    cells = (
        ended.group_by(key)
        .agg(summable_measures())
        .join(started.group_by(key).agg(started_measures()), on=["instant", *_CELL], how="full", coalesce=True)
        .collect(engine="streaming")
    )
    return State(cells, _durations(ended, cells))


def merged(states: Iterable[State], /) -> State:
    """Return the state of all the generations that these states are of; each generation must be in one of them only."""
    parts = list(states)
    cells = pl.concat([part.cells for part in parts])
    return State(
        cells.group_by("instant", *_CELL).agg(_merges(cells)),
        {name: _added(_below_each_other([part.durations[name] for part in parts], name), name) for name in _CELL},
    )


def _below_each_other(parts: Sequence[pl.DataFrame], name: str) -> pl.DataFrame:
    """The rows of all; each part has an enum of its own names, and the whole one of them all."""
    names = pl.concat([part[name].unique().cast(pl.String) for part in parts]).unique().sort()
    return pl.concat([part.with_columns(pl.col(name).cast(pl.String).cast(pl.Enum(names))) for part in parts])


def merged_statistics(
    state: State, /, windows: Mapping[EnumWindowType, Sequence[Window] | None] | None = None
) -> pl.DataFrame:
    """Return the rows of `schema.STATISTICS` of these windows by all four strategies, in order of their key.

    windows: None for those of a type: all that the state knows; None: all of all types. Equal to
    `statistics.window_statistics`, but for the percentiles, which are at most `sketch.ERROR` away from the exact ones.
    """
    wanted = dict.fromkeys(EnumWindowType) if windows is None else windows
    cuts = [(window_type, by, of) for window_type, of in wanted.items() for by in EnumAggregationType]
    rows = cut(state.cells.lazy(), cuts, _merges(state.cells)).collect()
    joined = rows.join(_percentiles(state, wanted), on=STATISTICS_KEY, how="left", maintain_order="left")
    bounded = [pl.col(name).clip("min_duration_seconds", "max_duration_seconds") for name in _SHARES]
    return finished(joined.lazy().with_columns(bounded)).collect().sort(STATISTICS_KEY)


def _merges(cells: pl.DataFrame) -> list[pl.Expr]:
    """How two cells become one, column by column."""
    return [
        _MERGES.get(name[:4], pl.Expr.sum)(pl.col(name)) for name in cells.columns if name not in ("instant", *_CELL)
    ]


def _durations(ended: pl.LazyFrame, cells: pl.DataFrame) -> dict[str, pl.DataFrame]:
    """Count the durations of successes in buckets, by one column at a time."""
    names = {name: pl.Enum(cells[name].unique().sort()) for name in _CELL}
    buckets = (
        ended.filter(pl.col("_duration").is_not_null())
        .select(
            (pl.col("ended_at").dt.epoch("us") // _MICROSECONDS).cast(pl.Int32).alias("hour"),
            *(pl.col(name).cast(enum).to_physical().cast(pl.Int32) for name, enum in names.items()),
            bucket(pl.col("_duration")).alias("bucket"),
        )
        .collect(engine="streaming")
    )
    instant = (pl.col("hour").cast(pl.Int64) * _MICROSECONDS).cast(GENERATIONS["ended_at"]).alias("instant")
    return {
        name: counts(buckets, name).select(
            instant, pl.lit(enum.categories.cast(enum)).gather(name).alias(name), "bucket", "n"
        )
        for name, enum in names.items()
    }


def _percentiles(state: State, windows: Iterable[EnumWindowType]) -> pl.DataFrame:
    """Return the percentiles of every window of these types and every group."""
    parts = [
        quantiles(numbers, ["instant", group], _SHARES).select(
            pl.lit(str(window_type)).alias("window_type"),
            pl.col("instant").alias("window_start"),
            pl.lit(str(by)).alias("aggregation_type"),
            pl.col(group).cast(pl.String).alias("group_key"),
            *_SHARES,
        )
        for by in EnumAggregationType
        for window_type, group, numbers in _by_window(state, by, set(windows))
    ]
    return pl.concat(parts)


def _by_window(
    state: State, by: EnumAggregationType, window_types: set[EnumWindowType]
) -> Iterator[tuple[EnumWindowType, str, pl.DataFrame]]:
    """Yield the numbers of durations in the windows of each type, by the column of a strategy."""
    group = _DIMENSIONS.get(by, "all")
    known = {EnumWindowType.HOURLY: state.durations[group] if by in _DIMENSIONS else _of_all(state)}
    for window_type, parts in _PARTS.items():
        if window_type not in known:
            within = window_start(pl.col("instant"), window_type)
            known[window_type] = _added(known[parts].with_columns(within), group)
        if window_type in window_types:
            yield window_type, group, known[window_type]


def _of_all(state: State) -> pl.DataFrame:
    column = next(iter(_DIMENSIONS.values()))
    return _added(state.durations[column].with_columns(pl.lit("all").alias("all")), "all")


def _added(numbers: pl.DataFrame, group: str) -> pl.DataFrame:
    key = ["instant", group, "bucket"]
    return numbers.lazy().group_by(key).agg(pl.col("n").sum()).sort(key).collect(engine="streaming")
