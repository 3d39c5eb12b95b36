"""A year of generations in a lake, made in columns: to make and decode JSON for ten million would take an hour."""

from datetime import UTC, datetime, timedelta
from pathlib import Path

import numpy as np
import polars as pl

from ingest.lake import Lake, open_lake
from ingest.micro_batch import Advance, MicroBatch
from ingest.partition_id import PartitionId
from ingest.schema import DEAD_LETTERS, EVENTS

END = datetime(2025, 10, 1, tzinfo=UTC)
_DAY_US = 86_400_000_000
_LONGEST_SECONDS = 500.0
_DAYS_A_COMMIT = 5
_PARTITION = PartitionId("bench", "bench", 0)


def year_of_generations(folder: Path, *, days: int, generations_per_day: int, seed: int = 1) -> Lake:
    """Make a lake in which so many generations start, and end soon after, on each of the days before `END`."""
    lake, rng, offset = open_lake(str(folder)), np.random.default_rng(seed), 0
    for first in range(0, days, _DAYS_A_COMMIT):
        begins = [END - timedelta(days=days - day) for day in range(first, min(first + _DAYS_A_COMMIT, days))]
        events = pl.concat([_day(begin, generations_per_day, rng) for begin in begins])
        advance = Advance(offset or None, offset + events.height)
        batch = f"days from {begins[0].date()}"
        lake.append(MicroBatch(batch, _row(events, offset, batch), DEAD_LETTERS.to_frame(), {_PARTITION: advance}))
        offset += events.height
    return lake


def _day(begin: datetime, count: int, rng: np.random.Generator) -> pl.DataFrame:
    """The two events of each generation of a day."""
    seconds = rng.lognormal(3.0, 0.8, count).clip(0.1, _LONGEST_SECONDS)
    started = rng.integers(0, _DAY_US - int(_LONGEST_SECONDS * 1e6), count)
    is_success = rng.random(count) < 0.93
    tokens = rng.integers(100, 5_000, count)
    names = pl.DataFrame(
        {
            "workflow_id": _uuids(rng, count),
            "node_type": rng.choice(["effect", "compute", "reducer", "orchestrator"], count),
            "domain": rng.choice(["api", "ml", "data", "general"], count),
            "primary_model": rng.choice(["large", "small"], count),
        }
    )
    starts = names.with_columns(kind=pl.lit("started"), at=pl.Series(started))
    ends = names.with_columns(
        kind=pl.when(pl.Series(is_success)).then(pl.lit("completed")).otherwise(pl.lit("failed")),
        at=pl.Series(started + (seconds * 1e6).astype(np.int64)),
        duration_seconds=pl.Series(seconds),
        quality_score=pl.when(pl.Series(is_success)).then(pl.Series(rng.beta(8, 2, count))),
        tokens=pl.Series(tokens),
        cost_usd=pl.Series(tokens).cast(EVENTS["cost_usd"]) / 100_000,
    )
    at = pl.lit(begin).cast(EVENTS["event_time"]) + pl.duration(microseconds=pl.col("at"))
    return pl.concat([starts, ends], how="diagonal").with_columns(event_time=at)


def _uuids(rng: np.random.Generator, count: int) -> list[str]:
    digits = rng.bytes(16 * count).hex()
    texts = (digits[start : start + 32] for start in range(0, len(digits), 32))
    return [f"{text[:8]}-{text[8:12]}-{text[12:16]}-{text[16:20]}-{text[20:]}" for text in texts]


def _row(events: pl.DataFrame, offset: int, batch: str) -> pl.DataFrame:
    """Give the events the other columns of the lake."""
    known = {
        "event_date": pl.col("event_time").dt.date(),
        "event_id": pl.concat_str("workflow_id", "kind", separator="/"),
        "attempt": pl.lit(1),
        "time_source": pl.lit("payload"),
        "topic": pl.lit("bench"),
        "partition": pl.lit(0),
        "offset": pl.int_range(offset, offset + pl.len(), dtype=pl.Int64),
        "ingested_at": pl.col("event_time"),
        "batch_id": pl.lit(batch),
        **{name: pl.col(name) for name in events.columns},
    }
    return events.select(known.get(name, pl.lit(None)).cast(dtype).alias(name) for name, dtype in EVENTS.items())
