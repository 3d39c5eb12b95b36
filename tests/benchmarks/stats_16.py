"""All four strategies in all four windows over ten million generations in Parquet, beside ClickHouse and DuckDB."""

import json
import subprocess
from collections.abc import Callable
from datetime import timedelta
from pathlib import Path
from statistics import median

import duckdb
import polars as pl

from pipelines.mergeable import state_of
from pipelines.merged_rows import merged_statistics
from pipelines.sketch import ERROR
from tests.benchmarks import stats_16_sql
from tests.benchmarks.harness import Benchmark, NotMeasured, Result, interleaved, ratio_of_medians, stopwatch
from tests.benchmarks.peers.environment import peer_python
from tests.benchmarks.ten_million import DAYS, START, write_generations

_GENERATIONS = 10_000_000
_ROUNDS = 3
_KEY = ["window_type", "at", "aggregation_type", "group_key"]
_NAMES = ["p50_duration_seconds", "p95_duration_seconds", "p99_duration_seconds"]
_WINDOWS = {"h": "hourly", "d": "daily", "w": "weekly", "m": "monthly"}


def _against(folder: Path, name: str, side: Callable[[Path, Path], Callable[[], float]]) -> Result:
    file = folder / "generations.parquet"
    write_generations(file, count=_GENERATIONS)
    peer = side(file, folder)
    # The first turn of each side counts for nothing: the file is not in memory, and what is compiled, is not yet.
    sides = {"ours": lambda: _ours(file)[0], name: peer}
    interleaved(sides, rounds=1)
    taken = interleaved(sides, rounds=_ROUNDS)
    detail = {f"{side}_s": round(median(seconds), 2) for side, seconds in taken.items()}
    rounds = {f"{side}_rounds": [round(each, 2) for each in seconds] for side, seconds in taken.items()}
    return Result(
        ratio_of_medians(taken[name], taken["ours"]), {**detail, "generations": _GENERATIONS, "error": ERROR, **rounds}
    )


def _ours(file: Path) -> tuple[float, pl.DataFrame]:
    with stopwatch() as elapsed:
        state = state_of(pl.scan_parquet(file), as_of=START + timedelta(days=DAYS))
        rows = merged_statistics(state)
        return elapsed(), rows


def _clickhouse(file: Path, folder: Path) -> Callable[[], float]:
    python = peer_python("chdb")
    files = [folder / "ended.parquet", folder / "started.parquet"]
    statements = [[sql, str(to)] for sql, to in zip(stats_16_sql.clickhouse(file), files, strict=True)]
    program = str(Path(__file__).parent / "peers" / "chdb_side.py")

    def run() -> float:
        job = json.dumps({"statements": statements, "rounds": 1})
        done = subprocess.run([str(python), program, job], capture_output=True, text=True, check=False, timeout=600)
        if done.returncode != 0:
            raise NotMeasured(f"chdb failed: {(done.stderr.strip() or 'no message').splitlines()[-1]}")
        (seconds,) = json.loads(done.stdout.splitlines()[-1])["seconds"]
        return float(seconds)

    run()
    ended, started = (pl.read_parquet(file) for file in files)
    listed = pl.col("percentiles").list.to_struct(fields=_NAMES)
    _check(_ours(file)[1], ended.with_columns(listed).unnest("percentiles"), started, percentiles_within=2 * ERROR)
    return run


def _duckdb(file: Path, _: Path) -> Callable[[], float]:
    connection = duckdb.connect()
    connection.execute("SET timezone = 'UTC'")

    def run() -> tuple[float, list[pl.DataFrame]]:
        with stopwatch() as elapsed:
            tables = [_frame(connection, sql) for sql in stats_16_sql.duckdb(file)]
            return elapsed(), tables

    tables = run()[1]
    ended, started, *quantiles = [tables[0], tables[1], *tables[3:]]
    strategies = ["node_type_grouping", "quality_buckets", "domain_grouping", "time_window"]
    told = [
        table.rename(dict(zip(table.columns, ["window_type", "at", "group_key", "percentiles"], strict=True))).select(
            pl.col("window_type").replace_strict(_WINDOWS),
            pl.col("at").cast(pl.Datetime("us", "UTC")).dt.epoch("s"),
            pl.lit(strategies[number % 4]).alias("aggregation_type"),
            pl.col("group_key").cast(pl.String),
            pl.col("percentiles").list.to_struct(fields=_NAMES),
        )
        for number, table in enumerate(quantiles)
    ]
    key = pl.col("at").cast(pl.Int64)
    exact = pl.concat(told).with_columns(key).unnest("percentiles")
    ended = ended.with_columns(key).join(exact, on=_KEY, how="left")
    _check(_ours(file)[1], ended, started, percentiles_within=ERROR)
    return lambda: run()[0]


def _frame(connection: duckdb.DuckDBPyConnection, sql: str) -> pl.DataFrame:
    relation = connection.sql(sql)
    return pl.DataFrame() if relation is None else pl.DataFrame(relation.to_arrow_table())


def _check(ours: pl.DataFrame, ended: pl.DataFrame, started: pl.DataFrame, *, percentiles_within: float) -> None:
    """Stop if both sides do not say the same. A peer's sketch does not interpolate: let it, where values are many."""
    sums = {f"{name}_sum": pl.col(of) * pl.col(f"{name}_n") for name, of in _AVERAGES.items()}
    mine = ours.with_columns(pl.col("window_start").dt.epoch("s").alias("at"), **sums).filter(
        pl.col("at").is_not_null()
    )
    theirs = ended.cast({"at": pl.Int64}).join(started.cast({"at": pl.Int64}), on=_KEY, how="full", coalesce=True)
    if theirs.height != mine.height:
        raise NotMeasured(f"{theirs.height} rows instead of our {mine.height}")
    both = mine.join(theirs, on=_KEY, suffix="_theirs")
    if both.height != mine.height:
        raise NotMeasured(f"only {both.height} of {mine.height} rows are of the same windows and groups")
    many = pl.lit(True) if percentiles_within == ERROR else pl.col("duration_n") > 10**5
    for name in [*stats_16_sql.ENDED, *stats_16_sql.STARTED, *_NAMES]:
        within, rows = (percentiles_within, both.filter(many)) if name in _NAMES else (1e-9, both)
        a, b = (rows[each].cast(pl.Float64).fill_null(0) for each in (name, f"{name}_theirs"))
        wrong = ((a - b).abs() > b.abs() * (within + 1e-9) + 1e-6).sum()
        if wrong:
            raise NotMeasured(f"{name} differs in {wrong} of {rows.height} rows")


_AVERAGES = {
    "duration": "avg_duration_seconds",
    "failed_duration": "failed_avg_seconds",
    "quality": "avg_quality",
}

STATS_16_VS_CHDB = Benchmark(
    "stats_16_vs_chdb", "ratio", 1, "higher", lambda folder: _against(folder, "chdb", _clickhouse)
)
STATS_16_VS_DUCKDB = Benchmark(
    "stats_16_vs_duckdb", "ratio", 3, "higher", lambda folder: _against(folder, "duckdb", _duckdb)
)
