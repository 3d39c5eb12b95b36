"""What events say of a workflow that its rules refuse: kept as conflicts. Pure functions of frames."""

import polars as pl

from pipelines.lifecycle.accepted import PHASES, STEPS, json_of
from pipelines.lifecycle.attempts import KEY


def refused(chained: pl.DataFrame, ends: pl.DataFrame, /) -> pl.DataFrame:
    """Return the refused transitions of these attempts, and of their further ends, in no order."""
    return pl.concat([_refused_retries(chained), _late_phases(chained), _further_ends(chained, ends)])


def _refused_retries(chained: pl.DataFrame) -> pl.DataFrame:
    """Attempts that began after the workflow had completed."""
    return chained.filter("is_over").select(
        *_refused("COMPLETED", pl.lit("PENDING"), pl.lit("RETRY_WORKFLOW"), pl.col("began_at")),
        metadata=pl.lit("{}"),
        name=pl.format("{}/{}/retry", "workflow_id", "attempt"),
    )


def _late_phases(chained: pl.DataFrame) -> pl.DataFrame:
    """What events say happened in an attempt after it had failed."""
    frames = []
    for event, state, column in STEPS:
        if column in PHASES:
            late = chained.filter(~pl.col("is_over"), pl.col(column) > pl.col("ended_at"))
            frames.append(
                late.select(
                    *_refused("FAILED", pl.lit(state), pl.lit(event), pl.col(column)),
                    metadata=pl.lit("{}"),
                    name=pl.format("{}/{}/late/{}", "workflow_id", "attempt", pl.lit(event)),
                )
            )
    return pl.concat(frames)


def _further_ends(chained: pl.DataFrame, ends: pl.DataFrame) -> pl.DataFrame:
    """The ends of an attempt after the one that counts, and all ends of an attempt after the workflow had completed."""
    columns = [*KEY, "kind", "event_time", "event_id", "from_state", "correlation_id"]
    known = chained.select(*KEY, "correlation_id", "is_over", "outcome")
    from_state = (
        pl.when("is_over").then(pl.lit("COMPLETED")).when(pl.col("outcome") == "completed").then(pl.lit("COMPLETED"))
    ).otherwise(pl.lit("FAILED"))
    second = ends.join(known, on=KEY).with_columns(from_state=from_state).select(columns)
    beyond = chained.filter("is_over", pl.col("outcome").is_not_null()).select(
        *KEY, kind="outcome", event_time="ended_at", event_id="end_event_id",
        from_state=pl.lit("COMPLETED"), correlation_id="correlation_id",
    )  # fmt: skip
    is_completed = pl.col("kind") == "completed"
    state = pl.when(is_completed).then(pl.lit("COMPLETED")).otherwise(pl.lit("FAILED"))
    event = pl.when(is_completed).then(pl.lit("COMPLETE_WORKFLOW")).otherwise(pl.lit("FAIL_WORKFLOW"))
    return pl.concat([second, beyond]).select(
        *_refused(pl.col("from_state"), state, event, pl.col("event_time")),
        metadata=json_of("event_id", pl.col("event_id")),
        name=pl.format("{}/{}/end/{}", "workflow_id", "attempt", "event_id"),
    )


def _refused(from_state: str | pl.Expr, to_state: pl.Expr, event: pl.Expr, at: pl.Expr) -> list[pl.Expr]:
    start = pl.lit(from_state) if isinstance(from_state, str) else from_state
    return [
        *(pl.col(name) for name in KEY),
        pl.col("correlation_id"),
        start.alias("from_state"),
        to_state.alias("to_state"),
        event.alias("event"),
        at.alias("transition_timestamp"),
        pl.format("Invalid transition: {} → {}; an event says so", start, to_state).alias("reason"),
        pl.lit(value=False).alias("accepted"),
        pl.lit(value=True).alias("conflict"),
    ]


__all__ = ["refused"]
