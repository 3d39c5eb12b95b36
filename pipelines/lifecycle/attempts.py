"""What events say of each attempt: when it reached which state. A pure function of frames."""

from typing import NamedTuple

import polars as pl

from pipelines.deduplicate import ORDER, distinct_events

#: The stages that end a phase, by the number of the stage. docs/lifecycle.md shows the whole table.
GENERATING_FROM_STAGE = 2
VALIDATING_FROM_STAGE = 4

KEY = ["workflow_id", "attempt"]
#: The columns of the lake's events that are read.
NEEDED = [
    *KEY,
    "kind",
    "event_id",
    "event_time",
    "stage_number",
    "stage_success",
    "node_type",
    "domain",
    "correlation_id",
    "ingested_at",
    "topic",
    "partition",
    "offset",
]
_TERMINAL = ["completed", "failed"]


class Attempts(NamedTuple):
    """What `attempts_of` finds."""

    #: One row per (workflow_id, attempt), in that order.
    attempts: pl.DataFrame
    #: The terminal events of an attempt after its first: KEY, kind, event_time, event_id.
    further_ends: pl.DataFrame


def attempts_of(events: pl.LazyFrame, /) -> Attempts:
    """Read the events once, and tell of each attempt when it reached which state.

    events: columns of the lake's events. Copies of an event and the order of rows make no difference.

    began_at, the earliest event; analyzing_at, generating_at, validating_at: when the first event came that shows it to
    be there or further, null: none; the same names with `own_`: only of events that speak of that very state; ended_at,
    outcome and end_event_id of the first terminal event, null: none; node_type, domain, correlation_id, null: unknown;
    last_correlation_id, another than correlation_id if the events have several.
    """
    grouped = events.group_by(KEY).agg(*_times(), *_names())
    terminal = events.filter(pl.col("kind").is_in(_TERMINAL)).select(*KEY, "kind", "event_id", *ORDER)
    # Each reads the columns that it needs: a scan that they share would decode all of them for every event.
    known, told = pl.collect_all(
        [grouped, terminal], engine="streaming", optimizations=pl.QueryOptFlags(comm_subplan_elim=False)
    )
    ends = distinct_events(told).select(*KEY, "kind", "event_time", "event_id").sort(*KEY, "event_time", "event_id")
    is_further = _is_next(ends)
    first = ends.filter(~is_further).select(*KEY, ended_at="event_time", outcome="kind", end_event_id="event_id")
    return Attempts(known.join(first, on=KEY, how="left").sort(KEY), ends.filter(is_further))


def _is_next(ends: pl.DataFrame) -> pl.Series:
    """Tell which rows are of the same attempt as the row before."""
    same = [pl.col(name) == pl.col(name).shift(1) for name in KEY]
    return ends.select(pl.all_horizontal(same).fill_null(value=False)).to_series()


def _times() -> list[pl.Expr]:
    kind, number = pl.col("kind"), pl.col("stage_number")
    done = (kind == "stage_completed") & pl.col("stage_success").fill_null(value=True)
    completed = kind == "completed"
    validated, generated = done & (number >= VALIDATING_FROM_STAGE), done & (number >= GENERATING_FROM_STAGE)

    def first(condition: pl.Expr) -> pl.Expr:
        return pl.when(condition).then("event_time").min()

    return [
        pl.col("event_time").min().alias("began_at"),
        first(kind != "failed").alias("analyzing_at"),
        first(generated | completed).alias("generating_at"),
        first(validated | completed).alias("validating_at"),
        first(kind == "started").alias("own_analyzing_at"),
        first(generated & ~validated).alias("own_generating_at"),
        first(validated).alias("own_validating_at"),
    ]


def _names() -> list[pl.Expr]:
    # The least, so that the order of rows makes no difference.
    least = [pl.col(name).min() for name in ("node_type", "domain", "correlation_id")]
    return [*least, pl.col("correlation_id").max().alias("last_correlation_id")]
