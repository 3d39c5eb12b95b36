"""Generations for the benchmarks of the statistics: a month of them in one Parquet file, the same on every machine."""

from datetime import UTC, datetime, timedelta
from pathlib import Path

import numpy as np
import polars as pl
import pyarrow.parquet as pq  # type: ignore[import-untyped]  # it brings no types

from ingest.schema import TIMESTAMP
from pipelines.quality import quality_bucket
from pipelines.schema import GENERATIONS

START = datetime(2025, 9, 1, tzinfo=UTC)
DAYS = 30
_CHUNK = 500_000
_NODE_TYPES = ["compute", "effect", "orchestrator", "reducer"]
_DOMAINS = ["analytics", "billing", "data", "identity", "messaging", "ml", "search", "storage"]


def write_generations(file: Path, *, count: int) -> None:
    """Write so many generations, as in `schema.GENERATIONS` but for the names of workflows, in order of their ends.

    One in ten failed, one in fifty never ended, one in twenty does not say its cost.
    """
    chunks = max(1, count // _CHUNK)
    length = timedelta(days=DAYS) / chunks
    writer = None
    for number in range(chunks):
        table = _chunk(count // chunks, seed=number, start=START + number * length, length=length).to_arrow()
        writer = writer or pq.ParquetWriter(file, table.schema)
        writer.write_table(table)
    if writer is not None:
        writer.close()


def _chunk(rows: int, *, seed: int, start: datetime, length: timedelta) -> pl.DataFrame:
    random = np.random.default_rng(seed)
    share = random.random((4, rows))
    micros = np.sort(random.integers(0, length // timedelta(microseconds=1), rows))
    drawn = pl.DataFrame(
        {
            "ended_at": micros,
            "taken": np.round(random.lognormal(3.5, 0.8, rows), 3),
            "score": np.round(random.beta(6, 2, rows), 3),
            "tokens": random.integers(200, 4_000, rows),
            "node_type": random.integers(0, len(_NODE_TYPES), rows),
            "domain": random.integers(0, len(_DOMAINS), rows),
            **dict(zip(["outcome", "first", "final", "known"], share, strict=True)),
        }
    )
    return drawn.select(_columns(start)).cast({name: GENERATIONS[name] for name in _NAMES}).select(_NAMES)


#: Names of workflows and models have no part in the statistics.
_NAMES = [name for name in GENERATIONS if name not in ("workflow_id", "primary_model")]


def _columns(start: datetime) -> list[pl.Expr]:
    ended = pl.lit(start, dtype=TIMESTAMP) + pl.duration(microseconds="ended_at")
    has_ended, succeeded = pl.col("outcome") >= 0.02, pl.col("outcome") >= 0.12
    score = pl.when(succeeded).then("score")
    cost = (pl.col("tokens") * 30).cast(pl.Decimal(38, 9)) / pl.lit(10**7)
    return [
        pl.when(pl.col("first") < 0.9).then(1).otherwise(2).alias("attempt"),
        pl.col("node_type").replace_strict(dict(enumerate(_NODE_TYPES))),
        pl.col("domain").replace_strict(dict(enumerate(_DOMAINS))),
        (ended - pl.duration(milliseconds=(pl.col("taken") * 1000).cast(pl.Int64))).alias("started_at"),
        pl.when(has_ended).then(ended).alias("ended_at"),
        pl.when(succeeded).then(pl.lit("completed")).when(has_ended).then(pl.lit("failed")).alias("outcome"),
        pl.when(has_ended).then(pl.col("final") < 0.95).alias("is_final"),
        pl.when(has_ended).then("taken").alias("duration_seconds"),
        score.alias("quality_score"),
        quality_bucket(score).alias("quality_bucket"),
        pl.when(has_ended).then("tokens").alias("tokens"),
        pl.when(has_ended & (pl.col("known") >= 0.05)).then(cost).alias("cost_usd"),
        (pl.col("final") < 0.001).cast(pl.Int64).alias("conflicting_terminal_events"),
    ]
