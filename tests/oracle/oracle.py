"""Run the oracle's SQL on a frame of events."""

from datetime import UTC, datetime
from decimal import ROUND_HALF_EVEN, Context, Decimal
from pathlib import Path
from typing import Any

import duckdb
import polars as pl

_SQL = Path(__file__).parent
_DIGITS = Context(prec=60)

Row = dict[str, Any]


def generations(events: pl.DataFrame) -> list[Row]:
    """The attempts, ordered by workflow and attempt."""
    with duckdb.connect() as database:
        _make_generations(database, events)
        return _rows(database.execute("from generation order by workflow_id, attempt"))


def statistics(events: pl.DataFrame, *, as_of: datetime) -> list[Row]:
    """The statistics of all windows by all strategies, ordered by window type, start, strategy and group."""
    with duckdb.connect() as database:
        _make_generations(database, events)
        cutoff = as_of.astimezone(UTC).replace(tzinfo=None)
        rows = _rows(database.execute((_SQL / "statistics.sql").read_text(), {"as_of": cutoff}))
    return [row | {"avg_cost_usd": _average(row["total_cost_usd"], row["cost_n"])} for row in rows]


def _make_generations(database: duckdb.DuckDBPyConnection, events: pl.DataFrame) -> None:
    database.register("event", events.to_arrow())
    database.execute("create table generation as " + (_SQL / "generations.sql").read_text())


def _rows(result: duckdb.DuckDBPyConnection) -> list[Row]:
    names = [column[0] for column in result.description or []]
    return [dict(zip(names, map(_aware, row), strict=True)) for row in result.fetchall()]


def _aware(value: Any) -> Any:
    return value.replace(tzinfo=UTC) if isinstance(value, datetime) else value


def _average(total: Decimal | None, n: int) -> Decimal | None:
    """Decimals have no average in DuckDB: its is a float."""
    if total is None:
        return None
    return _DIGITS.divide(total, Decimal(n)).quantize(Decimal("1e-9"), ROUND_HALF_EVEN, _DIGITS)
