"""From events to generations: one row per attempt of a workflow."""

from datetime import timedelta

import polars as pl

from pipelines.deduplicate import distinct_events
from pipelines.quality import quality_bucket
from pipelines.schema import GENERATIONS, MONEY

UNKNOWN = "unknown"

#: A retry that ends within this time of an attempt takes its place as the last word of the workflow. It is shorter than
#: the days that a refresh looks around a window, so that one hour alone gives the same as all of history.
RETRY_WITHIN = timedelta(hours=24)

_KEY = ["workflow_id", "attempt"]
_NAMES = ["node_type", "domain", "primary_model"]
_FACTS = [*_KEY, *_NAMES, "kind", "event_id", "event_time", "duration_seconds", "quality_score", "tokens", "cost_usd"]
_TERMINAL = ["completed", "failed"]


def generations(events: pl.LazyFrame, /) -> pl.LazyFrame:
    """One row per (workflow_id, attempt): columns and the meaning of null as in `schema.GENERATIONS`.

    events: columns of the lake's events; copies of an event and any order of rows give the same generations.
    A workflow's names may stand in any of its events, so give all events of each workflow.
    """
    return generations_of(distinct_events(events))


def generations_of(distinct: pl.LazyFrame, /) -> pl.LazyFrame:
    """The generations of events of which each stands there once: see `generations`."""
    facts = distinct.select(_FACTS).sort("event_time", "event_id")
    attempts = facts.group_by(_KEY).agg(*_first_known("attempt"), *_progress())
    ends = facts.filter(pl.col("kind").is_in(_TERMINAL)).group_by(_KEY).agg(*_first_terminal())
    workflows = facts.group_by("workflow_id").agg(*_first_known("workflow"))
    joined = attempts.join(ends, on=_KEY, how="left").join(workflows, on="workflow_id", how="left")
    return (
        joined.join(_superseded(ends), on=_KEY, how="left")
        .with_columns(*_names(), *_measures())
        .with_columns(quality_bucket(pl.col("quality_score")).alias("quality_bucket"))
        .select(pl.col(name).cast(dtype) for name, dtype in GENERATIONS.items())
    )


def _first_known(scope: str) -> list[pl.Expr]:
    """Each name as the earliest event that has it says."""
    return [pl.col(name).first(ignore_nulls=True).alias(f"{scope}_{name}") for name in _NAMES]


def _progress() -> list[pl.Expr]:
    """What an attempt's events before its end say: when it started, and the spend of its stages."""
    stage = pl.col("kind") == "stage_completed"
    return [
        pl.when(pl.col("kind") == "started").then("event_time").min().alias("started_at"),
        *(_known_sum(pl.when(stage).then(name)).alias(f"stage_{name}") for name in ("tokens", "cost_usd")),
    ]


def _first_terminal() -> list[pl.Expr]:
    """Everything as the attempt's first terminal event says; the others are only counted."""
    return [
        pl.col("event_time").first().alias("ended_at"),
        pl.col("kind").first().alias("outcome"),
        *(pl.col(name).first().alias(f"terminal_{name}") for name in _NAMES),
        *(pl.col(name).first() for name in ("duration_seconds", "quality_score", "tokens", "cost_usd")),
        (pl.len() - 1).alias("conflicting_terminal_events"),
    ]


def _superseded(ends: pl.LazyFrame) -> pl.LazyFrame:
    """The attempts in whose place a later attempt of the workflow has ended."""
    ended = ends.select(*_KEY, "ended_at")
    retries = ended.filter(pl.col("attempt") > 1)
    apart = (pl.col("ended_at_right") - pl.col("ended_at")).abs()
    return (
        ended.join(retries, on="workflow_id")
        .filter(pl.col("attempt_right") > pl.col("attempt"), apart <= RETRY_WITHIN)
        .select(*_KEY, pl.lit(True).alias("is_superseded"))
        .unique()
    )


def _names() -> list[pl.Expr]:
    """The attempt's end knows best, then its other events, then the rest of the workflow."""
    said = {name: pl.coalesce(f"{scope}_{name}" for scope in ("terminal", "attempt", "workflow")) for name in _NAMES}
    return [
        said["node_type"].fill_null(UNKNOWN).alias("node_type"),
        said["domain"].fill_null(UNKNOWN).alias("domain"),
        said["primary_model"].alias("primary_model"),
    ]


def _measures() -> list[pl.Expr]:
    completed = pl.col("outcome") == "completed"
    return [
        # JSON has a -0.0, which is equal to 0.0 but not the same byte for byte.
        pl.col("duration_seconds").abs(),
        pl.when(completed).then(pl.col("quality_score").abs()).alias("quality_score"),
        pl.coalesce("tokens", "stage_tokens").alias("tokens"),
        pl.coalesce(pl.col("cost_usd").cast(MONEY), "stage_cost_usd").alias("cost_usd"),
        pl.col("conflicting_terminal_events").fill_null(0),
        pl.when(pl.col("outcome").is_not_null()).then(pl.col("is_superseded").is_null()).alias("is_final"),
    ]


def _known_sum(values: pl.Expr) -> pl.Expr:
    """The sum of the known values; null when none is known."""
    return pl.when(values.count() > 0).then(values.sum())
