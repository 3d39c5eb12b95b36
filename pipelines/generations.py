"""From events to generations: one row per attempt of a workflow."""

from datetime import timedelta

import polars as pl

from pipelines.deduplicate import distinct_events
from pipelines.quality import quality_bucket
from pipelines.runs import Runs, runs_of
from pipelines.schema import GENERATIONS, MONEY

UNKNOWN = "unknown"

#: A retry that ends within this time of an attempt takes its place as the last word of the workflow. It is shorter than
#: the days that a refresh looks around a window, so that one hour alone gives the same as all of history.
RETRY_WITHIN = timedelta(hours=24)

_NAMES = ["node_type", "domain", "primary_model"]
_OF_END = ["duration_seconds", "quality_score", "tokens", "cost_usd"]


def generations(events: pl.LazyFrame, /) -> pl.LazyFrame:
    """One row per (workflow_id, attempt): columns and the meaning of null as in `schema.GENERATIONS`.

    events: columns of the lake's events; copies of an event and any order of rows give the same generations.
    A workflow's names may stand in any of its events, so give all events of each workflow.
    """
    return generations_of(runs_of(distinct_events(events).collect())).lazy()


def generations_of(runs: Runs, /) -> pl.DataFrame:
    """The generations of events of which each stands there once, in the order of their numbers: see `generations`."""
    attempts = _named(runs, _attempts(runs))
    return (
        attempts.with_columns(*_measures(), _is_final(attempts))
        .with_columns(quality_bucket(pl.col("quality_score")).alias("quality_bucket"))
        .select(pl.col(name).cast(dtype) for name, dtype in GENERATIONS.items())
    )


def _attempts(runs: Runs) -> pl.DataFrame:
    """What the events of each attempt say of it; the first terminal event counts, the others are only counted."""
    kind = runs.events["kind"]
    is_end, is_stage = kind.is_in(["completed", "failed"]), kind == "stage_completed"
    start, end = runs.first(kind == "started"), runs.first(is_end)
    return runs.events.select(
        pl.col("workflow_id", "attempt").gather(runs.starts),
        pl.col("event_time").gather(start).alias("started_at"),
        pl.col("event_time").gather(end).alias("ended_at"),
        pl.col("kind").gather(end).alias("outcome"),
        pl.col(_OF_END).gather(end),
        # The attempt's end knows best, then its other events.
        *(pl.coalesce(pl.col(name).gather(row) for row in (end, runs.first_that_says(name))) for name in _NAMES),
    ).with_columns(
        runs.sums("tokens", is_stage).alias("stage_tokens"),
        runs.sums("cost_usd", is_stage).alias("stage_cost_usd"),
        (runs.counts(is_end) - 1).clip(lower_bound=0).alias("conflicting_terminal_events"),
    )


def _named(runs: Runs, attempts: pl.DataFrame) -> pl.DataFrame:
    """Fill in the names that no event of an attempt says, by the earliest event of the workflow that does."""
    lacking = attempts.filter(pl.any_horizontal(pl.col(_NAMES).is_null()))["workflow_id"]
    retried = attempts.filter(pl.col("workflow_id") == pl.col("workflow_id").shift(1))["workflow_id"]
    concerned = lacking.filter(lacking.is_in(retried.implode()))
    if not concerned.is_empty():
        events = runs.events.filter(pl.col("workflow_id").is_in(concerned.implode())).sort("event_time", "event_id")
        said = events.group_by("workflow_id").agg(pl.col(_NAMES).first(ignore_nulls=True).name.suffix("_of_workflow"))
        joined = attempts.join(said, on="workflow_id", how="left", maintain_order="left")
        attempts = joined.with_columns(pl.coalesce(name, f"{name}_of_workflow") for name in _NAMES)
    return attempts.with_columns(pl.col("node_type", "domain").fill_null(UNKNOWN))


def _is_final(attempts: pl.DataFrame) -> pl.Series:
    """Whether no later attempt of the workflow ended in an attempt's place; null: it has not ended."""
    ended = attempts.select("workflow_id", "attempt", "ended_at").with_row_index("number").drop_nulls("ended_at")
    retries = ended.filter(pl.col("attempt") > 1)
    apart = (pl.col("ended_at_right") - pl.col("ended_at")).abs()
    superseded = ended.join(retries, on="workflow_id").filter(
        pl.col("attempt_right") > pl.col("attempt"), apart <= RETRY_WITHIN
    )
    is_final = attempts["ended_at"].is_not_null().set(attempts["ended_at"].is_null(), None).alias("is_final")
    return is_final.scatter(superseded["number"].unique(), False)


def _measures() -> list[pl.Expr]:
    completed = pl.col("outcome") == "completed"
    return [
        # JSON has a -0.0, which is equal to 0.0 but not the same byte for byte.
        pl.col("duration_seconds").abs(),
        pl.when(completed).then(pl.col("quality_score").abs()).alias("quality_score"),
        pl.coalesce("tokens", "stage_tokens").alias("tokens"),
        pl.coalesce(pl.col("cost_usd").cast(MONEY), "stage_cost_usd").alias("cost_usd"),
    ]
