"""State that adds up: one pass over generations gives hours, from which every window and strategy is merged."""

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

import polars as pl

from pipelines.breakdowns import prepared_models, prepared_stages, summable_stage_measures
from pipelines.enums import EnumAggregationType, EnumWindowType
from pipelines.measures import prepared, summable_measures
from pipelines.schema import GENERATIONS, STAGES
from pipelines.sketch import bucket, counts
from pipelines.statistics import started_measures, with_fate
from pipelines.windows import window_start

#: What the strategies group by. The rest, `time_window`, adds up any of them: the one with the fewest names.
DIMENSIONS = {
    EnumAggregationType.QUALITY_BUCKETS: "quality_bucket",
    EnumAggregationType.NODE_TYPE_GROUPING: "node_type",
    EnumAggregationType.DOMAIN_GROUPING: "domain",
}
CELL = list(DIMENSIONS.values())
#: What is not a sum, by the beginning of its name.
_MERGES = {"min_": pl.Expr.min, "max_": pl.Expr.max}
_MICROSECONDS = 3_600_000_000

Numbers = Mapping[str, pl.DataFrame]


@dataclass(frozen=True, slots=True)
class State:
    """What is known of some hours, or of longer times that are never looked at more closely.

    cells: a row per (instant, node_type, quality_bucket, domain, model), instant being the hour, with what adds up.
    stages: the same per (instant, node_type, quality_bucket, domain, stage).
    durations: by the column of a strategy, a row per (instant, that column, model, bucket): n durations of successes.
    stage_times: the same by stage: n times of stages that did not fail.
    """

    cells: pl.DataFrame
    stages: pl.DataFrame
    durations: Numbers
    stage_times: Numbers


def state_of(generations: pl.LazyFrame, stages: pl.LazyFrame | None = None, /, *, as_of: datetime) -> State:
    """Reduce generations and their stages to the state of their hours.

    generations, stages: the columns of `schema.GENERATIONS` and `schema.STAGES`. Without stages, nothing is told by
    model either. as_of: as in `statistics.window_statistics`.
    """
    if stages is None:
        named = generations.with_columns(*prepared(), model=pl.lit("all"), instant="ended_at")
        stages = pl.LazyFrame(schema=STAGES)
    else:
        named = prepared_models(generations)
    key: list[pl.Expr | str] = [window_start(pl.col("instant"), EnumWindowType.HOURLY), *CELL]
    ended = named.filter(pl.col("ended_at").is_not_null())
    started = with_fate(named.filter(pl.col("started_at").is_not_null()), as_of)
    cells = (
        ended.group_by(*key, "model")
        .agg(summable_measures())
        .join(
            started.group_by(*key, "model").agg(started_measures()),
            on=["instant", *CELL, "model"],
            how="full",
            coalesce=True,
        )
        .collect(engine="streaming")
    )
    timed = prepared_stages(stages)
    stage_cells = timed.group_by(*key, "stage").agg(summable_stage_measures()).collect(engine="streaming")
    return State(
        cells,
        stage_cells,
        _numbers(ended, "_duration", "model", cells),
        _numbers(timed, "_ms", "stage", stage_cells),
    )


def merged(states: Iterable[State], /, window_type: EnumWindowType | None = None) -> State:
    """Return the state of all the generations that these states are of; each generation must be in one of them only.

    window_type: if given, the result tells of whole windows of that type in the place of hours: it is smaller, and
    tells no less of them. Raises ValueError if there is no state.
    """
    parts = list(states)
    if not parts:
        raise ValueError("no states")
    if window_type is not None:
        within = window_start(pl.col("instant"), window_type)
        parts = [_each(part, lambda frame: frame.with_columns(within)) for part in parts]
    elif len(parts) == 1:
        return parts[0]
    return State(
        _cells([part.cells for part in parts], "model"),
        _cells([part.stages for part in parts], "stage"),
        _all_numbers([part.durations for part in parts], "model"),
        _all_numbers([part.stage_times for part in parts], "stage"),
    )


def by_instant(state: State, /) -> dict[datetime, State]:
    """Return the state of each instant of which it tells something."""
    cells, stages = _parts(state.cells), _parts(state.stages)
    durations, times = (
        {name: _parts(frame) for name, frame in of.items()} for of in (state.durations, state.stage_times)
    )

    def part(frame: pl.DataFrame, parts: Mapping[datetime, pl.DataFrame], instant: datetime) -> pl.DataFrame:
        found = parts.get(instant)
        return frame.clear() if found is None else found

    return {
        instant: State(
            part(state.cells, cells, instant),
            part(state.stages, stages, instant),
            {name: part(frame, durations[name], instant) for name, frame in state.durations.items()},
            {name: part(frame, times[name], instant) for name, frame in state.stage_times.items()},
        )
        for instant in cells  # whatever else is told of an instant, it has a cell
    }


def nothing(state: State, /) -> State:
    """Return a state like this one that tells of nothing."""
    return _each(state, pl.DataFrame.clear)


def _parts(frame: pl.DataFrame) -> dict[datetime, pl.DataFrame]:
    return {instant: part for (instant,), part in frame.partition_by("instant", as_dict=True).items()}


def merges(cells: pl.DataFrame, /) -> list[pl.Expr]:
    """How two cells become one, column by column."""
    key = {"instant", *CELL, "model", "stage"}
    return [_MERGES.get(name[:4], pl.Expr.sum)(pl.col(name)) for name in cells.columns if name not in key]


def added(numbers: pl.DataFrame, /, key: Sequence[str]) -> pl.DataFrame:
    """Add up n over what is not in the key and not the bucket, in order of both."""
    # Names may stand in any order: by their numbers they are ordered without being read.
    order = [pl.col(name).to_physical() if numbers[name].dtype == pl.Categorical else name for name in key]
    by = [*key, "bucket"]
    return numbers.lazy().group_by(by).agg(pl.col("n").sum()).sort(*order, "bucket").collect(engine="streaming")


def _cells(parts: Sequence[pl.DataFrame], label: str) -> pl.DataFrame:
    cells = pl.concat(parts)
    return cells.group_by("instant", *CELL, label).agg(merges(cells))


def _all_numbers(parts: Sequence[Numbers], label: str) -> dict[str, pl.DataFrame]:
    return {name: added(pl.concat([part[name] for part in parts]), ["instant", name, label]) for name in CELL}


def _each(state: State, change: Callable[[pl.DataFrame], pl.DataFrame]) -> State:
    return State(
        change(state.cells),
        change(state.stages),
        {name: change(frame) for name, frame in state.durations.items()},
        {name: change(frame) for name, frame in state.stage_times.items()},
    )


def _numbers(values: pl.LazyFrame, value: str, label: str, cells: pl.DataFrame) -> dict[str, pl.DataFrame]:
    """Count the values in buckets, by one column of the cells and the label at a time."""
    names = {name: cells[name].unique().sort() for name in (*CELL, label)}
    coded = (
        values.filter(pl.col(value).is_not_null())
        .select(
            (pl.col("instant").dt.epoch("us") // _MICROSECONDS).cast(pl.Int32).alias("hour"),
            *(pl.col(name).cast(pl.Enum(known)).to_physical().cast(pl.Int32) for name, known in names.items()),
            bucket(pl.col(value)).alias("bucket"),
        )
        .collect(engine="streaming")
    )
    return dict(_counted(coded, label, names))


def _counted(coded: pl.DataFrame, label: str, names: Mapping[str, pl.Series]) -> Iterator[tuple[str, pl.DataFrame]]:
    known = {name: of.cast(pl.Categorical) for name, of in names.items()}
    labels = max(len(known[label]), 1)
    hour = pl.col("hour").cast(pl.Int64) * _MICROSECONDS
    for name in CELL:
        both = coded.select("hour", (pl.col(name) * labels + pl.col(label)).alias("code"), "bucket")
        found = counts(both, "code")
        yield (
            name,
            found.select(
                hour.cast(GENERATIONS["ended_at"]).alias("instant"),
                known[name].gather(found["code"] // labels).alias(name),
                known[label].gather(found["code"] % labels).alias(label),
                "bucket",
                "n",
            ),
        )
