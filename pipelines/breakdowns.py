"""What each row of the statistics holds by stage, by model and by node type."""

from collections.abc import Mapping, Sequence
from typing import NamedTuple

import polars as pl

from pipelines.cuts import Cut
from pipelines.enums import EnumWindowType
from pipelines.few_rows import cut_any, few_or_lazy
from pipelines.generations import UNKNOWN
from pipelines.measures import (
    derived_outcomes,
    is_weak,
    known,
    outcomes,
    percentiles,
    prepared,
    spend,
)
from pipelines.schema import MODEL_STATISTICS, NODE_TYPE_STATISTICS, STAGE_STATISTICS, Frame
from pipelines.statistics import all_cuts
from pipelines.windows import Window


class Breakdowns(NamedTuple):
    """Frames of `schema.STAGE_STATISTICS`, `MODEL_STATISTICS` and `NODE_TYPE_STATISTICS`, each sorted by its key."""

    stages: pl.DataFrame
    models: pl.DataFrame
    node_types: pl.DataFrame


def no_breakdowns() -> Breakdowns:
    """Return frames without rows."""
    return Breakdowns(*(schema.to_frame() for schema in (STAGE_STATISTICS, MODEL_STATISTICS, NODE_TYPE_STATISTICS)))


def breakdowns(
    generations: pl.LazyFrame | pl.DataFrame,
    stages: pl.LazyFrame | pl.DataFrame,
    /,
    windows: Mapping[EnumWindowType, Sequence[Window]],
) -> Breakdowns:
    """Return the breakdowns of exactly these windows by all four strategies.

    generations, stages: as in `schema.GENERATIONS` and `schema.STAGES`; both count in the window of the attempt's end.
    """
    cuts = all_cuts(windows)
    if not cuts:
        return no_breakdowns()
    ended = prepared_models(few_or_lazy(generations))
    frames = [
        stage_statistics(few_or_lazy(stages), cuts).select(STAGE_STATISTICS.names()),
        _models(ended, cuts),
        _node_types(ended, cuts),
    ]
    schemas = (STAGE_STATISTICS, MODEL_STATISTICS, NODE_TYPE_STATISTICS)
    sorted_frames = [
        frame.select(pl.col(name).cast(dtype) for name, dtype in schema.items()).sort(schema.names()[:5])
        for frame, schema in zip(pl.collect_all(frames), schemas, strict=True)
    ]
    return Breakdowns(*sorted_frames)


def stage_statistics(
    stages: pl.LazyFrame | pl.DataFrame, /, cuts: Sequence[Cut], *, by: Sequence[str] = ()
) -> pl.LazyFrame:
    """One row per group of each cut, stage and `by`: the columns of `schema.STAGE_STATISTICS`, those of `by`, the end.

    stages: as in `schema.STAGES`.
    """
    failed = pl.col("stage_success").eq_missing(False)
    prepared_stages = stages.with_columns(
        failed.alias("_failed"), pl.when(~failed).then("duration_ms").alias("_ms"), instant="ended_at"
    )
    measures = [
        pl.col("stage_number").min(),
        pl.len().alias("count"),
        pl.col("_failed").sum().alias("failures"),
        *percentiles("_ms", ["p50", "p95"], "ms"),
        pl.col("_ms").count().alias("duration_n"),
        *spend(),
    ]
    return cut_any(prepared_stages, cuts, measures, by=[*by, "stage"]).with_columns(
        is_weak("duration_n")[0], known("tokens").alias("total_tokens"), known("cost").alias("total_cost_usd")
    )


def prepared_models(generations: Frame, /) -> Frame:
    """The generations that ended, at the `instant` of their end; `model` is never null."""
    model = pl.col("primary_model").fill_null(UNKNOWN)
    return generations.with_columns(*prepared(), model.alias("model"), pl.col("ended_at").alias("instant"))


def _models(ended: pl.LazyFrame | pl.DataFrame, cuts: Sequence[Cut]) -> pl.LazyFrame:
    measures = [
        *outcomes(),
        *percentiles("_duration", ["p50", "p95"], "duration_seconds"),
        pl.col("_duration").count().alias("duration_n"),
        *spend(),
    ]
    return cut_any(ended, cuts, measures, by=["model"]).with_columns(
        *derived_outcomes(),
        is_weak("duration_n")[0],
        known("tokens").alias("total_tokens"),
        known("cost").alias("total_cost_usd"),
    )


def _node_types(ended: pl.LazyFrame | pl.DataFrame, cuts: Sequence[Cut]) -> pl.LazyFrame:
    # The strategy by node type is grouped by it already: so the column has another name here.
    renamed = ended.with_columns(pl.col("node_type").alias("_type"))
    return (
        cut_any(renamed, cuts, outcomes(), by=["_type"]).rename({"_type": "node_type"}).with_columns(derived_outcomes())
    )
