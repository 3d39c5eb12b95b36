"""Our ingest beside Pathway, which writes JSON lines: its Parquet and Delta writers want a licence key."""

from functools import partial
from pathlib import Path

from tests.benchmarks.against_peers import Published, against
from tests.benchmarks.harness import Benchmark, Result
from tests.benchmarks.kafka_sides import Reading
from tests.benchmarks.peers.program import run_peer


def measure(folder: Path) -> Result:
    """Compare with the files it writes; in the detail with a sink that drops every row, which no writer can beat."""
    sides = {"pathway": partial(_read, sink="jsonlines"), "pathway_null_sink": partial(_read, sink="null")}
    return against(sides, folder)


def _read(published: Published, folder: Path, *, sink: str) -> Reading:
    reading = run_peer("pathway", published.settings, folder, rows_in=_lines, sink=sink)
    # What is dropped cannot be counted; it is read as the rest is.
    return reading._replace(messages=published.messages) if sink == "null" else reading


def _lines(folder: Path) -> int:
    return sum(sum(1 for _ in file.open("rb")) for file in folder.glob("*.jsonl"))


INGEST_VS_PATHWAY = Benchmark("ingest_vs_pathway", "ratio", 2, "higher", measure)
