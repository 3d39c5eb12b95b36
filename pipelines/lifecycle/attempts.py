"""What events say of each attempt: when it reached which state. A pure function of frames."""

import polars as pl

from pipelines.deduplicate import distinct_events

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


def attempts(events: pl.LazyFrame, /) -> pl.LazyFrame:
    """One row per (workflow_id, attempt), in that order.

    events: columns of the lake's events. Copies of an event and the order of rows make no difference.

    began_at, the earliest event; analyzing_at, generating_at, validating_at: when the first event came that shows it to
    be there or further, null: none; the same names with `own_`: only of events that speak of that very state; ended_at,
    outcome and end_event_id of the first terminal event, null: none; node_type, domain, correlation_id, null: unknown.
    """
    ends = (
        _ends(events)
        .group_by(KEY, maintain_order=True)
        .agg(
            ended_at=pl.col("event_time").first(),
            outcome=pl.col("kind").first(),
            end_event_id=pl.col("event_id").first(),
        )
    )
    return events.group_by(KEY).agg(*_times(), *_names()).join(ends, on=KEY, how="left").sort(KEY)


def further_ends(events: pl.LazyFrame, /) -> pl.LazyFrame:
    """The terminal events of an attempt after its first: KEY, kind, event_time, event_id."""
    ends = _ends(events)
    return ends.filter(pl.int_range(pl.len()).over(KEY) > 0)


def _ends(events: pl.LazyFrame) -> pl.LazyFrame:
    terminal = distinct_events(events.filter(pl.col("kind").is_in(_TERMINAL)))
    return terminal.select(*KEY, "kind", "event_time", "event_id").sort(*KEY, "event_time", "event_id")


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
    return [pl.col(name).min() for name in ("node_type", "domain", "correlation_id")]
