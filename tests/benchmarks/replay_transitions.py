"""How many of five million transitions a second are derived from a lake's events, and how fast Postgres takes some."""

from datetime import UTC, datetime
from itertools import islice
from pathlib import Path
from resource import RUSAGE_SELF, getrusage
from statistics import median
from typing import Any

import polars as pl

from ingest.lake import Lake, open_lake
from ingest.schema import EVENTS
from pipelines.lifecycle.archive import recall_from
from pipelines.lifecycle.histories import histories_in_batches
from pipelines.lifecycle.replay import BATCH
from pipelines.snapshot import snapshot_of
from sql.connection import Connection, connect, open_pool
from sql.lifecycle_events import LifecycleEvents
from sql.lifecycle_rows import Command
from tests.benchmarks.harness import Benchmark, NotMeasured, Result, stopwatch
from tests.benchmarks.lakes import append
from tests.benchmarks.lifecycle_tables import lifecycle_database

_WORKFLOWS = 1_250_000
_COMMITS = 10
_ROUNDS = 3
#: Batches of `BATCH` workflows.
_TO_POSTGRES = 4
#: Each workflow's events: kind and stage.
_KINDS = [("started", None), *(("stage_completed", number) for number in range(1, 5)), ("completed", None)]
_START = datetime(2025, 10, 1, tzinfo=UTC)


def measure(folder: Path) -> Result:
    """Read the lake and derive all histories, three times."""
    lake = open_lake(str(folder / "lake"))
    for number in range(_COMMITS):
        append(lake, _events(number), name=f"part {number:02}")
    rates = [_derived(lake) for _ in range(_ROUNDS)]
    detail = {
        "transitions": 4 * _WORKFLOWS,
        "events": len(_KINDS) * _WORKFLOWS,
        "rates": [round(rate) for rate in rates],
        "peak_rss_mb": round(getrusage(RUSAGE_SELF).ru_maxrss / 1024),
        **_into_postgres(folder, lake),
    }
    return Result(median(rates), detail)


def _derived(lake: Lake) -> float:
    """Derive every workflow's transitions and where it stands; return transitions a second."""
    workflows = transitions = 0
    with stopwatch() as seconds:
        for told in histories_in_batches(snapshot_of(lake).events()):
            workflows += told.workflows.height
            transitions += told.transitions.height
        taken = seconds()
    if (workflows, transitions) != (_WORKFLOWS, 4 * _WORKFLOWS):
        raise NotMeasured(f"{transitions} transitions came of {workflows} workflows, not of {_WORKFLOWS}")
    return transitions / taken


def _into_postgres(folder: Path, lake: Lake) -> dict[str, int]:
    """Bring some of them into the tables, durable; beside it, a bare COPY of the same rows into the same table."""
    told = islice(histories_in_batches(snapshot_of(lake).events(), size=BATCH), _TO_POSTGRES)
    batches = list(told)
    count = sum(batch.transitions.height for batch in batches)
    with lifecycle_database(folder) as url, open_pool(url, max_size=2) as pool:
        with stopwatch() as seconds:
            for batch in batches:
                LifecycleEvents(pool).bring(batch, _nobody, recall_from(lake))
            ours = count / seconds()
        with connect(url) as connection, stopwatch() as seconds:
            connection.execute("TRUNCATE workflow_state_history")
            for batch in batches:
                _copied(connection, batch.transitions)
            bare = count / seconds()
    return {"postgres_transitions_per_s": round(ours), "bare_copy_transitions_per_s": round(bare)}


def _copied(connection: Connection, transitions: pl.DataFrame) -> None:
    """Copy rows straight into the history, in one transaction."""
    columns = ", ".join(transitions.columns)
    with connection.cursor().copy(f"COPY workflow_state_history ({columns}) FROM STDIN (FORMAT csv, NULL '')") as copy:
        copy.write(transitions.write_csv(include_header=False, datetime_format="%Y-%m-%dT%H:%M:%S%.6fZ").encode())


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
