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

#: Which percentiles a stage and a model has.
STAGE_PERCENTILES = ["p50", "p95"]
MODEL_PERCENTILES = ["p50", "p95"]


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
    return collected(stage_statistics(few_or_lazy(stages), cuts), _models(ended, cuts), _node_types(ended, cuts))


def stage_statistics(
    stages: pl.LazyFrame | pl.DataFrame, /, cuts: Sequence[Cut], *, by: Sequence[str] = ()
) -> pl.LazyFrame:
    """One row per group of each cut, stage and `by`: the columns of `schema.STAGE_STATISTICS`, those of `by`, the end.

    stages: as in `schema.STAGES`.
    """
    measures = [*summable_stage_measures(), *percentiles("_ms", STAGE_PERCENTILES, "ms")]
    return finished_stages(cut_any(prepared_stages(stages), cuts, measures, by=[*by, "stage"]))


def prepared_stages(stages: Frame, /) -> Frame:
    """The stages at the `instant` of their attempt's end, with what `summable_stage_measures` adds up."""
    failed = pl.col("stage_success").eq_missing(False)
    return stages.with_columns(
        failed.alias("_failed"), pl.when(~failed).then("duration_ms").alias("_ms"), instant="ended_at"
    )


def summable_stage_measures() -> list[pl.Expr]:
    """Aggregates over a group of stages, but for the percentiles."""
    return [
        pl.col("stage_number").min().alias("min_stage_number"),
        pl.len().alias("count"),
        pl.col("_failed").sum().alias("failures"),
        pl.col("_ms").count().alias("duration_n"),
        *spend(),
    ]


def finished_stages(aggregates: pl.LazyFrame, /) -> pl.LazyFrame:
    """Add what follows from the aggregates of stages."""
    return aggregates.with_columns(
        is_weak("duration_n")[0],
        pl.col("min_stage_number").alias("stage_number"),
        known("tokens").alias("total_tokens"),
        known("cost").alias("total_cost_usd"),
    )


def prepared_models(generations: Frame, /) -> Frame:
    """The generations that ended, at the `instant` of their end; `model` is never null."""
    model = pl.col("primary_model").fill_null(UNKNOWN)
    return generations.with_columns(*prepared(), model.alias("model"), pl.col("ended_at").alias("instant"))


def _models(ended: pl.LazyFrame | pl.DataFrame, cuts: Sequence[Cut]) -> pl.LazyFrame:
    measures = [
        *outcomes(),
        *percentiles("_duration", MODEL_PERCENTILES, "duration_seconds"),
        pl.col("_duration").count().alias("duration_n"),
        *spend(),
    ]
    return finished_models(cut_any(ended, cuts, measures, by=["model"]))


def finished_models(aggregates: pl.LazyFrame, /) -> pl.LazyFrame:
    """Add what follows from the aggregates of a model's generations."""
    return aggregates.with_columns(
        *derived_outcomes(),
        is_weak("duration_n")[0],
        known("tokens").alias("total_tokens"),
        known("cost").alias("total_cost_usd"),
    )


def _node_types(ended: pl.LazyFrame | pl.DataFrame, cuts: Sequence[Cut]) -> pl.LazyFrame:
    # The strategy by node type is grouped by it already: so the column has another name here.
    renamed = ended.with_columns(pl.col("node_type").alias("_type"))
    found = cut_any(renamed, cuts, outcomes(), by=["_type"])
    return finished_node_types(found.rename({"_type": "node_type"}))


def finished_node_types(aggregates: pl.LazyFrame, /) -> pl.LazyFrame:
    """Add what follows from the aggregates of a node type's generations."""
    return aggregates.with_columns(derived_outcomes())


def collected(stages: pl.LazyFrame, models: pl.LazyFrame, node_types: pl.LazyFrame) -> Breakdowns:
    """Collect what has at least the columns of the three schemas, each sorted by its key."""
    schemas = (STAGE_STATISTICS, MODEL_STATISTICS, NODE_TYPE_STATISTICS)
    return Breakdowns(
        *(
            frame.select(pl.col(name).cast(dtype) for name, dtype in schema.items()).sort(schema.names()[:5])
            for frame, schema in zip(pl.collect_all([stages, models, node_types]), schemas, strict=True)
        )
    )
