"""A lake with a month of generations, made column by column: two events each, a commit a day."""

from datetime import datetime, timedelta
from pathlib import Path

import numpy as np
import numpy.typing as npt
import polars as pl

from ingest.kinds import EventKind
from ingest.lake import Lake, open_lake
from ingest.schema import EVENTS, TIMESTAMP
from tests.benchmarks.lakes import append

_NODE_TYPES = ["compute", "effect", "orchestrator", "reducer"]
_DOMAINS = ["analytics", "billing", "data", "identity", "messaging", "ml", "search", "storage"]
_FAILED_SHARE = 0.08
_DAY = timedelta(days=1)


def make_month(folder: Path, *, generations: int, start: datetime, end: datetime) -> Lake:
    """Make a lake of so many generations that started evenly between two times, all of them in commits of a day."""
    lake = open_lake(str(folder))
    day = start
    while day < end:
        length = min(_DAY, end - day)
        count = round(generations * (length / (end - start)))
        append(lake, _events(count, day, length, seed=day.toordinal()), name=f"{day:%Y-%m-%d}")
        day += length
    return lake


def _events(count: int, start: datetime, length: timedelta, *, seed: int) -> pl.DataFrame:
    random = np.random.default_rng(seed)
    drawn = pl.DataFrame(
        {
            "workflow_id": _workflow_ids(random.bytes(16 * count), count),
            "at": np.sort(random.integers(0, length // timedelta(microseconds=1), count)),
            "duration_seconds": np.round(random.lognormal(3.0, 0.6, count), 3),
            "quality_score": np.round(random.beta(6, 2, count), 3),
            "tokens": random.integers(200, 4_000, count),
            "node_type": random.integers(0, len(_NODE_TYPES), count),
            "domain": random.integers(0, len(_DOMAINS), count),
            "failed": random.random(count) < _FAILED_SHARE,
        }
    ).with_columns(
        pl.col("node_type").replace_strict(dict(enumerate(_NODE_TYPES))),
        pl.col("domain").replace_strict(dict(enumerate(_DOMAINS))),
        event_time=pl.lit(start, dtype=TIMESTAMP) + pl.duration(microseconds="at"),
    )
    named = ["workflow_id", "event_time", "node_type", "domain"]
    began = drawn.select(*named, kind=pl.lit(EventKind.STARTED.value))
    took = pl.duration(milliseconds=(pl.col("duration_seconds") * 1000).cast(pl.Int64))
    outcome = pl.when("failed").then(pl.lit(EventKind.FAILED.value)).otherwise(pl.lit(EventKind.COMPLETED.value))
    ended = drawn.select(
        *named,
        "duration_seconds",
        "tokens",
        quality_score=pl.when(~pl.col("failed")).then("quality_score"),
        kind=outcome,
    ).with_columns(pl.col("event_time") + took)
    return _as_events(pl.concat([began, ended], how="diagonal"))


def _as_events(events: pl.DataFrame) -> pl.DataFrame:
    """With the columns that every row of the lake has."""
    whole = events.with_columns(
        event_id=pl.concat_str("kind", "workflow_id", separator=" "),
        attempt=pl.lit(1),
        time_source=pl.lit("payload"),
        topic=pl.lit("bench"),
        partition=pl.lit(0),
        offset=pl.int_range(pl.len()),
        ingested_at=pl.col("event_time"),
        batch_id=pl.lit(""),
        event_date=pl.col("event_time").dt.date(),
    )
    return whole.select(
        (pl.col(name) if name in whole.columns else pl.lit(None).alias(name)).cast(dtype)
        for name, dtype in EVENTS.items()
    )


def _workflow_ids(digits: bytes, count: int) -> pl.Series:
    """Spell random bytes as UUIDs, 16 bytes each."""
    data: npt.NDArray[np.uint8] = np.frombuffer(digits, np.uint8)
    hexadecimal = pl.Series(np.frombuffer(data.tobytes().hex().encode(), "S32").astype(str))
    assert len(hexadecimal) == count
    parts = [hexadecimal.str.slice(first, length) for first, length in ((0, 8), (8, 4), (12, 4), (16, 4), (20, 12))]
    return pl.select(pl.concat_str(*parts, separator="-")).to_series()
