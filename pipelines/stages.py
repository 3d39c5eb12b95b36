"""The stages of the attempts that ended."""

import polars as pl

from ingest.schema import TIMESTAMP
from pipelines.generations import UNKNOWN
from pipelines.schema import MONEY, STAGES
from pipelines.snapshot import HORIZON

_KEY = ["workflow_id", "attempt"]
_OF_ATTEMPT = [*_KEY, "node_type", "domain", "primary_model", "quality_bucket", "ended_at"]
_OF_STAGE = [
    *_KEY,
    "event_time",
    "stage_name",
    "stage_number",
    "stage_success",
    "duration_seconds",
    "tokens",
    "cost_usd",
]


def stages_of(distinct: pl.LazyFrame, generations: pl.LazyFrame, /) -> pl.LazyFrame:
    """One row per stage event of an attempt that ended: columns and the meaning of null as in `schema.STAGES`.

    distinct: events of the lake, each once. generations: as in `schema.GENERATIONS`. Stages more than `HORIZON` away
    from the attempt's end are left out, as a refresh does not look further around a window.
    """
    stages = distinct.filter(pl.col("kind") == "stage_completed").select(_OF_STAGE)
    ended = generations.filter(pl.col("ended_at").is_not_null()).select(_OF_ATTEMPT)
    near = (pl.col("event_time") - pl.col("ended_at").cast(TIMESTAMP)).abs() <= HORIZON
    return (
        stages.join(ended, on=_KEY)
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
