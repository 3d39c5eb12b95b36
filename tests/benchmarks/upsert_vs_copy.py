"""10,000 rows of statistics put into their table, beside a COPY of the same rows, ready-made, into a bare one."""

from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from statistics import median
from uuid import UUID

import polars as pl

from pipelines.compute import rows_of
from pipelines.enums import EnumWindowType
from pipelines.snapshot import snapshot_of
from pipelines.windows import windows_between
from sql.connection import Connection, connect
from sql.embedded import embedded_postgres
from sql.metric_rows import copy_text
from sql.metric_store import MetricStore, ReplaceResult
from sql.migrate import migrate
from tests.benchmarks.harness import Benchmark, NotMeasured, Result, interleaved, ratio_of_medians, stopwatch
from tests.benchmarks.lakes import DAY, make_lake

_ROWS = 10_000
_DAYS = 34
_EVENTS_PER_DAY = 4_000
_ROUNDS = 11
_WARM_UP_ROUNDS = 2
_END = datetime(2025, 10, 1, tzinfo=UTC)
_LAKE_ID = UUID(int=7)


@dataclass
class _Tables:
    """A database with our table, and a bare one of the same columns without index or check."""

    connection: Connection
    rows: pl.DataFrame
    others: pl.DataFrame = field(init=False)
    ready: bytes = field(init=False)
    windows: list[tuple[str, datetime]] = field(init=False)
    version: int = 0

    def __post_init__(self) -> None:
        self.others = _changed(self.rows)
        self.ready = copy_text(self.rows)
        self.windows = self.rows.select("window_type", "window_start").unique().rows()
        names = ", ".join(self.rows.columns)
        self.connection.execute(f"CREATE TABLE bare AS SELECT {names} FROM codegen_metrics_aggregated WITH NO DATA")
        self.insert()

    def copy(self) -> float:
        """COPY the ready-made text into the bare table."""
        self._settle("TRUNCATE bare")
        with stopwatch() as elapsed:
            with self.connection.cursor() as cursor, cursor.copy("COPY bare FROM STDIN") as copy:
                copy.write(self.ready)
            seconds = elapsed()
        (count,) = self.connection.execute("SELECT count(*) FROM bare").fetchone() or (0,)
        return _only(count, seconds)

    def insert(self) -> float:
        """Put the rows into the empty table."""
        self._settle("TRUNCATE codegen_metrics_aggregated, refreshed_windows")
        seconds, result = self._replace(self.rows)
        return _only(result.inserted, seconds)

    def update(self) -> float:
        """Put rows of other numbers in the place of those there, as a refresh does."""
        self._settle("VACUUM ANALYZE codegen_metrics_aggregated")
        self.rows, self.others = self.others, self.rows
        seconds, result = self._replace(self.rows)
        return _only(result.updated, seconds)

    def _replace(self, rows: pl.DataFrame) -> tuple[float, ReplaceResult]:
        self.version += 1
        with stopwatch() as elapsed:
            result = MetricStore(self.connection).replace_windows(
                rows, self.windows, lake_id=_LAKE_ID, lake_version=self.version
            )
            return elapsed(), result

    def _settle(self, statement: str) -> None:
        """Leave the server as its own maintenance does, so that no side pays for the one before it."""
        self.connection.execute(statement)
        self.connection.execute("CHECKPOINT")


def _taken(folder: Path, side: str) -> dict[str, list[float]]:
    with embedded_postgres(folder / "postgres") as server, connect(server) as connection:
        migrate(connection)
        tables = _Tables(connection, _made(folder / "lake"))
        sides = {"copy": tables.copy, side: {"insert": tables.insert, "update": tables.update}[side]}
        interleaved(sides, rounds=_WARM_UP_ROUNDS)
        return interleaved(sides, rounds=_ROUNDS)


def _made(folder: Path) -> pl.DataFrame:
    """Return rows as a refresh makes them, of every hour and strategy."""
    lake = make_lake(folder, days=_DAYS, events_per_day=_EVENTS_PER_DAY, end=_END)
    windows = {EnumWindowType.HOURLY: windows_between(_END - _DAYS * DAY, _END, EnumWindowType.HOURLY)}
    rows = rows_of(snapshot_of(lake), windows, as_of=_END)
    if rows.height < _ROWS:
        raise NotMeasured(f"{rows.height} rows are fewer than {_ROWS}")
    return rows.head(_ROWS)


def _changed(rows: pl.DataFrame) -> pl.DataFrame:
    """The same groups with one success more, and the durations of another one."""
    more = [pl.col(name) + 1 for name in ("total_generations", "successful_generations")]
    return rows.with_columns(*more, pl.col("duration_statistics").shift(1, fill_value="{}"))


def _only(count: int, seconds: float) -> float:
    if count != _ROWS:
        raise NotMeasured(f"{count} rows were written instead of {_ROWS}")
    return seconds


def _against_copy(folder: Path, side: str) -> Result:
    taken = _taken(folder, side)
    detail = {f"{name}_ms": round(1000 * median(seconds)) for name, seconds in taken.items()}
    return Result(ratio_of_medians(taken["copy"], taken[side]), {**detail, "rows": _ROWS, "rounds": _ROUNDS})


UPSERT_INSERT_VS_COPY = Benchmark(
    "upsert_insert_vs_copy", "ratio", 0.35, "higher", lambda folder: _against_copy(folder, "insert")
)
UPSERT_UPDATE_VS_COPY = Benchmark(
    "upsert_update_vs_copy", "ratio", 0.28, "higher", lambda folder: _against_copy(folder, "update")
)
