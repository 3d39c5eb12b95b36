"""How many of five million transitions a second are derived from a lake's events, and how fast Postgres takes some."""

from datetime import UTC, datetime
from pathlib import Path
from statistics import median
from typing import Any

import polars as pl

from ingest.lake import Lake, open_lake
from ingest.schema import EVENTS
from pipelines.lifecycle.histories import Histories, histories
from pipelines.lifecycle.replay import BATCH, in_batches
from pipelines.snapshot import snapshot_of
from sql.connection import open_pool
from sql.lifecycle_events import LifecycleEvents
from sql.lifecycle_rows import Command
from tests.benchmarks.harness import Benchmark, NotMeasured, Result, stopwatch
from tests.benchmarks.lakes import append
from tests.benchmarks.lifecycle_tables import lifecycle_database

_WORKFLOWS = 1_250_000
_COMMITS = 10
_ROUNDS = 3
_TO_POSTGRES = 4 * BATCH
#: Each workflow's events: kind and stage.
_KINDS = [("started", None), *(("stage_completed", number) for number in range(1, 5)), ("completed", None)]
_START = datetime(2025, 10, 1, tzinfo=UTC)


def measure(folder: Path) -> Result:
    """Read the lake and derive all histories, three times."""
    lake = open_lake(str(folder / "lake"))
    for number in range(_COMMITS):
        append(lake, _events(number), name=f"part {number:02}")
    rates = []
    for _ in range(_ROUNDS):
        with stopwatch() as seconds:
            told = histories(snapshot_of(lake).events())
            rates.append(told.transitions.height / seconds())
    if told.transitions.height != 4 * _WORKFLOWS:
        raise NotMeasured(f"{told.transitions.height} transitions came of {_WORKFLOWS} workflows")
    detail = {
        "transitions": told.transitions.height,
        "events": len(_KINDS) * _WORKFLOWS,
        "rates": [round(rate) for rate in rates],
        "postgres_transitions_per_s": round(_into_postgres(folder, lake, told)),
    }
    return Result(median(rates), detail)


def _into_postgres(folder: Path, lake: Lake, told: Histories) -> float:
    some = Histories(told.workflows.head(_TO_POSTGRES), told.transitions.head(4 * _TO_POSTGRES))
    with lifecycle_database(folder) as url, open_pool(url, max_size=2) as pool, stopwatch() as seconds:
        events = LifecycleEvents(pool)
        for workflows, transitions in in_batches(some, BATCH):
            events.bring(workflows, transitions, _nobody)
        return some.transitions.height / seconds()


def _nobody(_: dict[str, Any]) -> Command:
    raise NotMeasured("nobody else has moved these workflows")


def _events(number: int) -> pl.DataFrame:
    """One commit's share of the workflows, each with its six events within minutes."""
    each = _WORKFLOWS // _COMMITS
    index = pl.int_range(number * each, (number + 1) * each, eager=True)
    digest = index.hash(1).cast(pl.String).str.zfill(20)
    ids = pl.select(
        workflow_id=pl.format(
            "{}-{}-4{}-a{}-{}",
            digest.str.slice(0, 8), digest.str.slice(8, 4), digest.str.slice(12, 3), digest.str.slice(15, 3),
            index.cast(pl.String).str.zfill(12),
        ),
        began=pl.lit(_START) + pl.duration(seconds=pl.lit(index % 86_000)),
    )  # fmt: skip
    frames = [
        ids.with_columns(
            kind=pl.lit(kind),
            stage_number=pl.lit(stage, pl.Int32),
            event_time=pl.col("began") + pl.duration(seconds=20 * place),
            event_id=pl.format("{}/{}", "workflow_id", pl.lit(place)),
        )
        for place, (kind, stage) in enumerate(_KINDS)
    ]
    said = {"attempt": 1, "node_type": "effect", "domain": "api", "topic": "t", "partition": 0, "batch_id": ""}
    events = pl.concat(frames).with_columns(
        *(pl.lit(value).alias(name) for name, value in said.items()),
        event_date=pl.col("event_time").dt.date(),
        ingested_at=pl.col("event_time"),
        offset=pl.int_range(pl.len()),
        stage_success=pl.lit(value=True),
    )
    missing = [pl.lit(None).alias(name) for name in EVENTS if name not in events.columns]
    return events.with_columns(missing).select(pl.col(name).cast(kind) for name, kind in EVENTS.items())


REPLAY_TRANSITIONS = Benchmark("replay_transitions_per_s", "1/s", 500_000, "higher", measure)
