"""The rows of windows from the state of their hours: sums are exact, percentiles within `sketch.ERROR`."""

from collections.abc import Iterator, Mapping, Sequence

import polars as pl

from pipelines.breakdowns import (
    MODEL_PERCENTILES,
    STAGE_PERCENTILES,
    Breakdowns,
    collected,
    finished_models,
    finished_node_types,
    finished_stages,
)
from pipelines.cuts import Cut
from pipelines.enums import EnumAggregationType, EnumWindowType
from pipelines.few_rows import cut_any, few_or_lazy
from pipelines.measures import PERCENTILES
from pipelines.mergeable import DIMENSIONS, Numbers, State, added, merges
from pipelines.schema import STATISTICS_KEY
from pipelines.sketch import quantiles
from pipelines.statistics import finished
from pipelines.windows import Window, window_start

#: From which windows others are merged: days do not share an hour, weeks and months no day.
_PARTS = {
    EnumWindowType.DAILY: EnumWindowType.HOURLY,
    EnumWindowType.WEEKLY: EnumWindowType.DAILY,
    EnumWindowType.MONTHLY: EnumWindowType.DAILY,
}

Windows = Mapping[EnumWindowType, Sequence[Window] | None]


def merged_statistics(
    state: State, /, windows: Windows | None = None, *, of: EnumWindowType = EnumWindowType.HOURLY
) -> pl.DataFrame:
    """Return the rows of `schema.STATISTICS` of these windows by all four strategies, in order of their key.

    windows: None for those of a type: all that the state knows; None: all of all types. of: the windows of which the
    state tells, of which those asked for consist. Equal to
    `statistics.window_statistics`, but for the percentiles, which are at most `sketch.ERROR` away from the exact ones.
    """
    wanted = dict.fromkeys(EnumWindowType) if windows is None else windows
    rows = cut_any(few_or_lazy(state.cells), _cuts(wanted), merges(state.cells))
    names = _named(list(PERCENTILES), "duration_seconds")
    joined = rows.join(_percentiles(state.durations, wanted, names, of).lazy(), on=STATISTICS_KEY, how="left")
    bounded = [pl.col(name).clip("min_duration_seconds", "max_duration_seconds") for name in names]
    return finished(joined.with_columns(bounded)).collect().sort(STATISTICS_KEY)


def merged_breakdowns(state: State, /, windows: Windows, *, of: EnumWindowType = EnumWindowType.HOURLY) -> Breakdowns:
    """Return the breakdowns of these windows by all four strategies, with percentiles as `merged_statistics` has them.

    The state must be one that was made with stages.
    """
    cuts = _cuts(windows)
    ended = few_or_lazy(state.cells.filter(pl.col("total_generations") > 0))
    models = cut_any(ended, cuts, merges(state.cells), by=["model"])
    renamed = ended.with_columns(pl.col("node_type").alias("_type"))
    node_types = cut_any(renamed, cuts, merges(state.cells), by=["_type"]).rename({"_type": "node_type"})
    stages = cut_any(few_or_lazy(state.stages), cuts, merges(state.stages), by=["stage"])
    times = _percentiles(state.stage_times, windows, _named(STAGE_PERCENTILES, "ms"), of, "stage")
    durations = _percentiles(state.durations, windows, _named(MODEL_PERCENTILES, "duration_seconds"), of, "model")
    return collected(
        finished_stages(stages.join(times.lazy(), on=[*STATISTICS_KEY, "stage"], how="left")),
        finished_models(models.join(durations.lazy(), on=[*STATISTICS_KEY, "model"], how="left")),
        finished_node_types(node_types),
    )


def _cuts(windows: Windows) -> list[Cut]:
    return [(window_type, by, of) for window_type, of in windows.items() for by in EnumAggregationType]


def _named(names: Sequence[str], unit: str) -> dict[str, float]:
    return {f"{name}_{unit}": PERCENTILES[name] for name in names}


def _percentiles(
    numbers: Numbers,
    windows: Windows,
    shares: Mapping[str, float],
    of: EnumWindowType,
    label: str | None = None,
) -> pl.DataFrame:
    """Return the percentiles of every window of these types and every group, by label or of all labels together."""
    labels = [label] if label else []
    parts = [
        quantiles(counted, ["instant", group, *labels], shares).select(
            pl.lit(str(window_type)).alias("window_type"),
            pl.col("instant").alias("window_start"),
            pl.lit(str(by)).alias("aggregation_type"),
            pl.col(group).cast(pl.String).alias("group_key"),
            *(pl.col(name).cast(pl.String) for name in labels),
            *shares,
        )
        for by in EnumAggregationType
        for window_type, group, counted in _by_window(numbers, by, windows, of, labels)
    ]
    return pl.concat(parts)


def _by_window(
    numbers: Numbers, by: EnumAggregationType, windows: Windows, of: EnumWindowType, labels: Sequence[str]
) -> Iterator[tuple[EnumWindowType, str, pl.DataFrame]]:
    """Yield the numbers of values in the windows of each type, by the column of a strategy and the labels."""
    group = DIMENSIONS.get(by, "all")
    key = ["instant", group, *labels]
    finest = numbers[group] if by in DIMENSIONS else next(iter(numbers.values())).with_columns(all=pl.lit("all"))
    known = {of: added(finest, key)}

    def counted(window_type: EnumWindowType) -> pl.DataFrame:
        if window_type not in known:
            parts = counted(_PARTS[window_type])
            known[window_type] = added(parts.with_columns(window_start(pl.col("instant"), window_type)), key)
        return known[window_type]

    for window_type in windows:
        yield window_type, group, counted(window_type)
