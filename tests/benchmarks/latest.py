"""The file of the latest figures: `.bench/latest.json`."""

import json
from pathlib import Path
from typing import Any

from tests.benchmarks.harness import Benchmark, Result

FILE = Path(".bench/latest.json")

Entry = dict[str, Any]


def entry(benchmark: Benchmark, result: Result) -> Entry:
    """Return a figure as it is written: value, unit, goal, better, detail."""
    return {
        "value": result.value,
        "unit": benchmark.unit,
        "goal": benchmark.goal,
        "better": benchmark.better,
        "detail": dict(result.detail),
    }


def record(entries: dict[str, Entry], file: Path = FILE) -> None:
    """Write the figures; those of other names stay as they are."""
    kept = json.loads(file.read_text()) if file.exists() else {}
    file.parent.mkdir(exist_ok=True)
    file.write_text(json.dumps(kept | entries, indent=2) + "\n")
