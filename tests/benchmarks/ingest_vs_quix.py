"""Our ingest beside Quix Streams, which writes Parquet files with its file sink."""

from pathlib import Path

import polars as pl

from tests.benchmarks.against_peers import Published, against
from tests.benchmarks.harness import Benchmark, Result
from tests.benchmarks.kafka_sides import Reading
from tests.benchmarks.peers.program import run_peer


def measure(folder: Path) -> Result:
    """Compare from the subscription to the last commit."""
    return against({"quix": _read}, folder)


def _read(published: Published, folder: Path) -> Reading:
    return run_peer("quix", published.settings, folder, rows_in=_rows, messages=published.messages)


def _rows(folder: Path) -> int:
    return sum(pl.scan_parquet(file).select(pl.len()).collect().item() for file in folder.rglob("*.parquet"))


INGEST_VS_QUIX = Benchmark("ingest_vs_quix", "ratio", 6, "higher", measure)
