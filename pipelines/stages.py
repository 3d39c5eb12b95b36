"""The stages of the attempts that ended."""

import polars as pl

from ingest.schema import TIMESTAMP
from pipelines.generations import UNKNOWN
from pipelines.runs import Runs
from pipelines.schema import MONEY, STAGES
from pipelines.snapshot import HORIZON

_OF_ATTEMPT = ["node_type", "domain", "primary_model", "quality_bucket", "ended_at"]
_OF_STAGE = [
    "workflow_id",
    "attempt",
    "event_time",
    "stage_name",
    "stage_number",
    "stage_success",
    "duration_seconds",
    "tokens",
    "cost_usd",
]


def stages_of(runs: Runs, generations: pl.DataFrame, /) -> pl.DataFrame:
    """One row per stage event of an attempt that ended: columns and the meaning of null as in `schema.STAGES`.

    generations: those of the runs, in the order of their numbers. Stages more than `HORIZON` away from the attempt's
    end are left out, as a refresh does not look further around a window.
    """
    is_stage = runs.events["kind"] == "stage_completed"
    attempt = runs.attempt_of[is_stage.to_numpy()]
    stages = runs.events.filter(is_stage).select(_OF_STAGE)
    near = (pl.col("event_time") - pl.col("ended_at").cast(TIMESTAMP)).abs() <= HORIZON
    return (
        stages.hstack(generations.select(pl.col(_OF_ATTEMPT).gather(attempt)))
        .filter(near)
        .with_columns(
            _stage().alias("stage"),
            (pl.col("duration_seconds").abs() * 1000).alias("duration_ms"),
            pl.col("cost_usd").cast(MONEY),
        )
        .select(pl.col(name).cast(dtype) for name, dtype in STAGES.items())
    )


def _stage() -> pl.Expr:
    numbered = pl.lit("stage ") + pl.col("stage_number").cast(pl.String)
    return pl.coalesce("stage_name", numbered, pl.lit(UNKNOWN))
