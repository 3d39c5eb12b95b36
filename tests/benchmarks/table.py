"""The figures as people read them."""

from collections.abc import Iterable, Mapping
from typing import Any

from rich.console import Console
from rich.table import Table

from tests.benchmarks.harness import Benchmark
from tests.benchmarks.latest import Entry

#: Not a terminal: a file, or a job's log.
_WIDTH = 140
_HEADINGS = ("name", "value", "unit", "goal", "", "detail")


def print_table(rows: Iterable[tuple[Benchmark, Entry]], *, title: str) -> None:
    """Print one line a figure."""
    table = Table(*_HEADINGS, title=title, title_justify="left", show_lines=True)
    for benchmark, entry in rows:
        sign = ">=" if benchmark.better == "higher" else "<="
        verdict = "met" if benchmark.is_met(entry["value"]) else "MISSED"
        value = _number(entry["value"])
        table.add_row(
            benchmark.name, value, benchmark.unit, f"{sign} {benchmark.goal:g}", verdict, _detail(entry["detail"])
        )
    terminal = Console()
    (terminal if terminal.is_terminal else Console(width=_WIDTH)).print(table)


def _detail(detail: Mapping[str, Any]) -> str:
    """The plain numbers; lists and what is nested stand in the file."""
    return ", ".join(f"{name} {_number(value)}" for name, value in detail.items() if isinstance(value, int | float))


def _number(value: float) -> str:
    return f"{value:,}" if isinstance(value, int) else f"{value:,.3g}"
