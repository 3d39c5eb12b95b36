"""Print rows: a table for people, JSON or CSV for programs."""

import csv
import io
import json
import sys
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from enum import StrEnum
from itertools import accumulate
from typing import Any

from rich.console import Console
from rich.table import Table

Row = Mapping[str, Any]

#: So much of a text stays.
_LEAST_TEXT = 10
#: A line and two spaces beside each column.
_FRAME = 3


class OutputFormat(StrEnum):
    """How a command prints its rows."""

    TABLE = "table"
    JSON = "json"
    CSV = "csv"


@dataclass(frozen=True, slots=True)
class Column:
    """One column of a table for people: its heading, and the text of a row's cell."""

    heading: str
    cell: Callable[[Row], str]
    is_number: bool = True
    #: It is never cut: half an id cannot be copied into the next command.
    is_whole: bool = False


def print_rows(rows: Sequence[Row], columns: Sequence[Column], output: OutputFormat, *, title: str) -> None:
    """Print rows of one shape to standard output."""
    match output:
        case OutputFormat.JSON:
            sys.stdout.write(json_text(rows) + "\n")
        case OutputFormat.CSV:
            sys.stdout.write(csv_text(rows))
        case OutputFormat.TABLE:
            print_table(rows, columns, title=title)


def print_table(rows: Sequence[Row], columns: Sequence[Column], *, title: str) -> None:
    """Print a table for people. Columns at the end for which the terminal has no room are named instead."""
    out, table = console(), Table()
    cells = [[column.cell(row) for column in columns] for row in rows]
    widths = _widths(columns, cells)
    least = [_least_width(column, width) for column, width in zip(columns, widths, strict=True)]
    count = _that_fit(least, out.width)
    for column, width in zip(columns[:count], least[:count], strict=True):
        table.add_column(column.heading, justify="right" if column.is_number else "left", no_wrap=True, min_width=width)
    for texts in cells:
        table.add_row(*texts[:count])
    out.print(title, style="bold")
    out.print(table)
    if count < len(columns):
        left_out = ", ".join(column.heading for column in columns[count:])
        sys.stderr.write(f"omninode: no room for {left_out}; widen the terminal, or see --format\n")


def _least_width(column: Column, width: int) -> int:
    """Where there is no room for all, texts are cut and numbers are not: half a number is another number."""
    return width if column.is_number or column.is_whole else min(width, _LEAST_TEXT)


def _that_fit(widths: Sequence[int], room: int) -> int:
    """Count the columns that find room with their frame, one at least.

    >>> _that_fit([36, 10, 8], 64), _that_fit([36, 10, 8], 63), _that_fit([36], 10)
    (3, 2, 1)
    """
    taken = accumulate(widths, lambda before, width: before + width + _FRAME, initial=1)
    return max(1, sum(place <= room for place in list(taken)[1:]))


def _widths(columns: Sequence[Column], cells: Sequence[Sequence[str]]) -> list[int]:
    headings = [column.heading for column in columns]
    return [max(map(len, texts)) for texts in zip(headings, *cells, strict=True)]


def console() -> Console:
    """Return where people read. A pipe or a file has no width: nothing is cut there."""
    return Console(width=None if sys.stdout.isatty() else 200, highlight=False, soft_wrap=False)


def json_text(rows: object) -> str:
    """Spell rows as JSON; money as numbers, times in ISO 8601 with a Z.

    >>> json_text({"cost": Decimal("0.30"), "tokens": Decimal(12)})
    '{"cost": 0.3, "tokens": 12}'
    """
    return json.dumps(rows, default=_json, indent=None if isinstance(rows, Mapping) else 1, ensure_ascii=False)


def csv_text(rows: Sequence[Row]) -> str:
    """Spell rows as CSV with a heading; nested values get headings like `duration_statistics.p95_seconds`.

    Objects by names that differ from row to row (stages, models) stay one value, as JSON.
    """
    flat = [dict(_flat(row)) for row in rows]
    text = io.StringIO()
    writer = csv.DictWriter(text, fieldnames=list(flat[0]) if flat else [], lineterminator="\n")
    writer.writeheader()
    writer.writerows(flat)
    return text.getvalue()


def _flat(row: Row, prefix: str = "") -> Iterable[tuple[str, Any]]:
    for name, value in row.items():
        if isinstance(value, Mapping) and value and not any(isinstance(inner, Mapping) for inner in value.values()):
            yield from _flat(value, f"{prefix}{name}.")
        else:
            yield f"{prefix}{name}", _cell(value)


def _cell(value: object) -> object:
    match value:
        case datetime():
            return _json(value)
        case bool() | Mapping() | list():
            return json.dumps(value, default=_json, ensure_ascii=False)
        case _:
            return value


def _json(value: object) -> object:
    match value:
        case Decimal():
            return int(value) if value == value.to_integral_value() else float(value)
        case datetime():
            return value.isoformat().replace("+00:00", "Z")
        case _:
            return str(value)
