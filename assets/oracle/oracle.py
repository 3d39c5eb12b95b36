"""Run the oracle's SQL on a frame of events."""

from datetime import UTC, datetime
from decimal import ROUND_HALF_EVEN, Context, Decimal
from pathlib import Path
from typing import Any

import duckdb
import polars as pl

_SQL = Path(__file__).parent
_DIGITS = Context(prec=60)
_NANOS = Decimal("1e-9")

Row = dict[str, Any]


class Oracle:
    """The attempts and statistics of some of the lake's events; a context manager, as it holds a database in memory."""

    def __init__(self, events: pl.DataFrame) -> None:
        self._database = duckdb.connect()
        # What came in one chunk can be scanned by one thread; that is enough, and leaves the others to the rest.
        self._database.register("event", events.to_arrow())
        for table, query in (("distinct_event", "distinct_events"), ("generation", "generations")):
            self._database.execute(f"create table {table} as " + _query(query))

    def __enter__(self) -> "Oracle":
        """Return it."""
        return self

    def __exit__(self, *_: object) -> None:
        """Forget everything."""
        self._database.close()

    def generations(self) -> list[Row]:
        """The attempts, ordered by workflow and attempt."""
        return _rows(self._database.execute("from generation order by workflow_id, attempt"))

    def statistics(self, *, as_of: datetime) -> list[Row]:
        """The statistics of all windows by all strategies, ordered by window type, start, strategy and group."""
        cutoff = as_of.astimezone(UTC).replace(tzinfo=None)
        rows = _rows(self._database.execute(_query("statistics"), {"as_of": cutoff}))
        return [row | _quotients(row) for row in rows]

    def breakdown(self, name: str) -> list[Row]:
        """The `stages`, `models` or `node_types` of all windows by all strategies, ordered like the statistics."""
        return _rows(self._database.execute(_query(name)))


def _query(name: str) -> str:
    return (_SQL / f"{name}.sql").read_text(encoding="utf-8")


def _rows(result: duckdb.DuckDBPyConnection) -> list[Row]:
    names = [column[0] for column in result.description or []]
    return [dict(zip(names, map(_aware, row), strict=True)) for row in result.fetchall()]


def _aware(value: Any) -> Any:
    return value.replace(tzinfo=UTC) if isinstance(value, datetime) else value


def _quotients(row: Row) -> Row:
    """Decimals have no average in DuckDB: its is a float."""
    return {
        "avg_cost_usd": _quotient(row["total_cost_usd"], row["cost_n"]),
        "cost_per_success_usd": _quotient(row["total_cost_usd"], row["cost_n"] - row["failed_cost_n"]),
    }


def _quotient(total: Decimal | None, n: int) -> Decimal | None:
    if total is None or n == 0:
        return None
    return _DIGITS.divide(total, Decimal(n)).quantize(_NANOS, ROUND_HALF_EVEN, _DIGITS)
