"""From events to transitions: the whole history of each workflow, as its events tell it. Pure functions of frames."""

from typing import NamedTuple

import polars as pl

from pipelines.lifecycle.attempts import KEY, NEEDED, attempts, further_ends
from pipelines.lifecycle.commands import TRANSITIONS as NAMESPACE
from pipelines.lifecycle.schema import TRANSITIONS, WORKFLOWS
from pipelines.lifecycle.uuids import uuid5s

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
_PHASES = ["analyzing_at", "generating_at", "validating_at"]
_IMPLIED = "implied by a later event"
_NO_END = "implied: the next attempt began, and this one has no end"


class Histories(NamedTuple):
    """Workflows and their transitions: `schema.WORKFLOWS` and `schema.TRANSITIONS`, both by workflow_id."""

    workflows: pl.DataFrame
    transitions: pl.DataFrame


def histories(events: pl.LazyFrame, /) -> Histories:
    """Derive the histories of all workflows in these events; give all events of each.

    events: columns of the lake's events, in any order, with copies. The same events give the same rows and ids.
    """
    needed = events.select(NEEDED)
    ordered, ends = pl.collect_all([attempts(needed), further_ends(needed)], engine="streaming")
    chained = _chained(ordered.sort(KEY))
    made = _made(chained)
    refused = pl.concat([_refused_retries(chained), _late_phases(chained), _further_ends(chained, ends)])
    transitions = pl.concat([made, refused], how="diagonal").pipe(_identified)
    return Histories(_workflows(made, chained), transitions.select(_cast(TRANSITIONS)))


def _chained(ordered: pl.DataFrame) -> pl.DataFrame:
    """Tell of each attempt how the one before it ended; `number` counts the workflows."""
    same = (pl.col("workflow_id") == pl.col("workflow_id").shift(1)).fill_null(value=False)
    completed = (pl.col("outcome") == "completed").fill_null(value=False)
    numbered = ordered.with_columns(is_next=same, number=(~same).cum_sum())
    ended = completed.cast(pl.Int32).cum_sum().shift(1, fill_value=0)
    before = numbered.with_columns(_ended=ended, _first=pl.when(~pl.col("is_next")).then(ended).forward_fill())
    is_over = pl.col("_ended") > pl.col("_first")
    previous_open = pl.col("is_next") & pl.col("outcome").shift(1).is_null()
    return before.with_columns(is_over=is_over).with_columns(
        abandoned_at=pl.when(previous_open & ~is_over).then("began_at"),
        retried_at=pl.when(pl.col("is_next") & ~is_over).then("began_at"),
        completed_at=pl.when(pl.col("outcome") == "completed").then("ended_at"),
        failed_at=pl.when(pl.col("outcome") == "failed").then("ended_at"),
    )


def _made(chained: pl.DataFrame) -> pl.DataFrame:
    """The accepted transitions, workflow after workflow, in their order."""
    # What comes after the end of an attempt does not move it any more.
    open_until_end = [
        pl.when((pl.col(name) <= pl.col("ended_at")) | pl.col("ended_at").is_null()).then(name).alias(name)
        for name in _PHASES
    ]
    is_implied = [
        (pl.col(f"own_{name}").is_null() | (pl.col(f"own_{name}") > pl.col(name))).alias(f"implied_{name}")
        for name in _PHASES
    ]
    steps = [pl.lit(number, pl.Int8) for number in range(len(STEPS))]
    implied = [
        pl.lit(value=False),
        pl.lit(value=False),
        *(f"implied_{name}" for name in _PHASES),
        pl.lit(value=False),
        pl.lit(value=False),
    ]
    rows = (
        chained.filter(~pl.col("is_over"))
        .with_columns(*open_until_end)
        .with_columns(*is_implied)
        .select(
            "number",
            *KEY,
            "began_at",
            "correlation_id",
            "end_event_id",
            at=pl.concat_list(column for _, _, column in STEPS),
            step=pl.concat_list(steps),
            is_implied=pl.concat_list(implied),
        )
        .explode("at", "step", "is_implied")
        .filter(pl.col("at").is_not_null())
    )
    return _timed(rows).with_columns(*_facts())


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
    step, states = pl.col("step"), {number: state for number, (_, state, _) in enumerate(STEPS)}
    is_end, is_abandoned = step >= len(STEPS) - 2, step == 0
    return [
        pl.col("from_step").replace_strict(states, default="PENDING", return_dtype=pl.String).alias("from_state"),
        step.replace_strict(states, return_dtype=pl.String).alias("to_state"),
        step.replace_strict(
            {number: event for number, (event, _, _) in enumerate(STEPS)}, return_dtype=pl.String
        ).alias("event"),
        pl.when(is_abandoned).then(pl.lit(_NO_END)).when("is_implied").then(pl.lit(_IMPLIED)).alias("reason"),
        pl.when(is_end).then(_json("event_id", pl.col("end_event_id"))).otherwise(pl.lit("{}")).alias("metadata"),
        pl.lit(value=True).alias("accepted"),
        is_abandoned.alias("conflict"),
        # The attempt that is given up is the one before.
        (pl.col("attempt") - is_abandoned.cast(pl.Int32)).alias("attempt"),
        pl.col("at").alias("transition_timestamp"),
        ((pl.col("at") - pl.col("previous_at")).dt.total_microseconds() / 1e6).alias("from_state_seconds"),
        pl.format("{}/{}/{}", "workflow_id", "attempt", "step").alias("name"),
    ]


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
        if column in _PHASES:
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
        metadata=_json("event_id", pl.col("event_id")),
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


def _identified(transitions: pl.DataFrame) -> pl.DataFrame:
    return transitions.with_columns(transition_id=uuid5s(NAMESPACE, transitions["name"]))


def _workflows(made: pl.DataFrame, chained: pl.DataFrame) -> pl.DataFrame:
    is_last = (pl.col("number") != pl.col("number").shift(-1)).fill_null(value=True)
    last = made.filter(is_last)
    known = chained.group_by("number").agg(
        pl.col("began_at").first().alias("created_at"),
        pl.col("node_type").drop_nulls().first(),
        pl.col("domain").drop_nulls().first(),
        pl.col("correlation_id").drop_nulls().last().alias("last_correlation_id"),
    )
    return (
        last.join(known, on="number", how="left", maintain_order="left")
        .with_columns(
            current_state="to_state",
            previous_state="from_state",
            state_entry_time="transition_timestamp",
            transition_count="transition_number",
            correlation_id="last_correlation_id",
            is_terminal=pl.col("to_state").is_in(["COMPLETED", "FAILED"]),
            metadata=pl.struct("node_type", "domain").struct.json_encode(),
        )
        .select(_cast(WORKFLOWS))
    )


def _json(name: str, value: pl.Expr) -> pl.Expr:
    return pl.struct(value.alias(name)).struct.json_encode()


def _cast(schema: pl.Schema) -> list[pl.Expr]:
    return [pl.col(name).cast(data_type) for name, data_type in schema.items()]
