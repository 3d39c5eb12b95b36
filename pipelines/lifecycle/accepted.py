"""The steps that events tell of each workflow, one row each. Pure functions of frames."""

import polars as pl

from pipelines.lifecycle.attempts import KEY

#: The steps of an attempt in the order in which they happen: event, state reached, and the column of the time.
STEPS = [
    ("FAIL_WORKFLOW", "FAILED", "abandoned_at"),  # of the attempt before
    ("RETRY_WORKFLOW", "PENDING", "retried_at"),
    ("START_ANALYSIS", "ANALYZING", "analyzing_at"),
    ("START_GENERATION", "GENERATING", "generating_at"),
    ("START_VALIDATION", "VALIDATING", "validating_at"),
    ("COMPLETE_WORKFLOW", "COMPLETED", "completed_at"),
    ("FAIL_WORKFLOW", "FAILED", "failed_at"),
]
PHASES = ["analyzing_at", "generating_at", "validating_at"]
_IMPLIED = "implied by a later event"
_NO_END = "implied: the next attempt began, and this one has no end"
_STATES = pl.Series([state for _, state, _ in STEPS])
_EVENTS = pl.Series([event for event, _, _ in STEPS])
#: What a step takes from its attempt.
_FROM_ATTEMPT = ["number", *KEY, "began_at", "correlation_id", "end_metadata"]


def accepted(chained: pl.DataFrame, /) -> pl.DataFrame:
    """Return the accepted transitions, workflow after workflow, in their order.

    chained: attempts as `histories` chains them, those of one workflow side by side.
    """
    attempts = chained.filter(~pl.col("is_over")).with_columns(
        *_open_until_end(), end_metadata=json_of("event_id", pl.col("end_event_id"))
    )
    places = _places(attempts)
    rows = pl.concat(
        [attempts.select(_FROM_ATTEMPT)[places["attempt_place"]], places.drop("attempt_place")], how="horizontal"
    )
    return _timed(rows).with_columns(*_facts())


def _open_until_end() -> list[pl.Expr]:
    """What comes after the end of an attempt does not move it any more."""
    return [
        pl.when((pl.col(name) <= pl.col("ended_at")) | pl.col("ended_at").is_null()).then(name).alias(name)
        for name in PHASES
    ]


def _places(attempts: pl.DataFrame) -> pl.DataFrame:
    """One row per step that was made, in order: the attempt's place, step, at, is_implied."""
    numbered = attempts.with_row_index("attempt_place")
    columns = [
        numbered.select(
            "attempt_place",
            order=pl.col("attempt_place").cast(pl.Int64) * len(STEPS) + step,
            step=pl.lit(step, pl.UInt8),
            at=pl.col(column),
            is_implied=is_implied(column),
        ).filter(pl.col("at").is_not_null())
        for step, (_, _, column) in enumerate(STEPS)
    ]
    return pl.concat(columns).sort("order").drop("order")


def is_implied(column: str) -> pl.Expr:
    """Tell whether only a later event shows the step; ends and retries speak for themselves."""
    if column not in PHASES:
        return pl.lit(value=False)
    own = pl.col(f"own_{column}")
    return own.is_null() | (own > pl.col(column))


def _timed(rows: pl.DataFrame) -> pl.DataFrame:
    """Number the steps of each workflow; clocks differ, so a step is never told earlier than the one before it."""
    is_first = (pl.col("number") != pl.col("number").shift(1)).fill_null(value=True)
    goes_back = ((pl.col("at") < pl.col("at").shift(1)) & ~is_first).fill_null(value=False)
    if rows.select(goes_back.any()).item():
        rows = rows.with_columns(at=pl.col("at").cum_max().over("number"))
    place = pl.int_range(pl.len(), dtype=pl.Int64)
    return rows.with_columns(
        is_first=is_first,
        transition_number=place - pl.when(is_first).then(place).forward_fill() + 1,
        previous_at=pl.when(is_first).then("began_at").otherwise(pl.col("at").shift(1)),
        from_step=pl.when(~is_first).then(pl.col("step").shift(1)),
    )


def _facts() -> list[pl.Expr]:
    step = pl.col("step")
    is_end, is_abandoned = step >= len(STEPS) - 2, step == 0
    return [
        pl.lit(_STATES).gather("from_step").fill_null("PENDING").alias("from_state"),
        pl.lit(_STATES).gather("step").alias("to_state"),
        pl.lit(_EVENTS).gather("step").alias("event"),
        pl.when(is_abandoned).then(pl.lit(_NO_END)).when("is_implied").then(pl.lit(_IMPLIED)).alias("reason"),
        pl.when(is_end).then("end_metadata").otherwise(pl.lit("{}")).alias("metadata"),
        pl.lit(value=True).alias("accepted"),
        is_abandoned.alias("conflict"),
        # The attempt that is given up is the one before.
        (pl.col("attempt") - is_abandoned.cast(pl.Int32)).alias("attempt"),
        pl.col("at").alias("transition_timestamp"),
        ((pl.col("at") - pl.col("previous_at")).dt.total_microseconds() / 1e6).alias("from_state_seconds"),
        pl.format("{}/{}/{}", "workflow_id", "attempt", "step").alias("name"),
    ]


def json_of(name: str, value: pl.Expr) -> pl.Expr:
    """Spell an object of one field as JSON."""
    return pl.struct(value.alias(name)).struct.json_encode()


__all__ = ["PHASES", "STEPS", "accepted", "is_implied", "json_of"]
