"""What it costs to refresh one dirty hour while the lake and the tables hold ten times more days of history."""

from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from statistics import median

from ingest.lake import Lake
from pipelines.refresh import Refresher
from sql.connection import connect
from sql.embedded import embedded_postgres
from sql.metric_store import MetricStore
from sql.migrate import migrate
from tests.benchmarks.harness import Benchmark, NotMeasured, Result, interleaved, ratio_of_medians, stopwatch
from tests.benchmarks.lakes import append, events_between, make_lake
from tests.postgres import on_database

_BASE_DAYS = 45
_GROWN_DAYS = 450
_EVENTS_PER_DAY = 2_000
_ROUNDS = 15
_WARM_UP_ROUNDS = 2
_DIRTY_WORKFLOWS = 50
_WINDOWS = 4  # the hour, its day, its week and its month
#: The last day is the last of a month: the month's window is as full in both lakes.
_END = datetime(2025, 10, 1, tzinfo=UTC)
_DIRTY_HOUR = _END - timedelta(hours=12)


@dataclass
class _Side:
    """One lake with a database of its own that is up to date with it."""

    lake: Lake
    refresher: Refresher
    first_seconds: float
    rounds: int = 0
    append_seconds: list[float] = field(default_factory=list)

    def refresh(self) -> float:
        """Append a micro-batch in the dirty hour; return how long the refresh after it takes."""
        self.rounds += 1
        events = events_between(
            _DIRTY_HOUR, timedelta(minutes=30), workflows=_DIRTY_WORKFLOWS, seed=1_000_000 + self.rounds
        )
        with stopwatch() as elapsed:
            append(self.lake, events, name=f"dirty {self.rounds}")
            self.append_seconds.append(elapsed())
        with stopwatch() as elapsed:
            report = self.refresher.refresh()
            seconds = elapsed()
        if report.window_count != _WINDOWS or report.rows is None or report.rows.updated == 0:
            raise NotMeasured(f"a dirty hour refreshed {report.window_count} windows instead of {_WINDOWS}")
        return seconds


def measure(folder: Path) -> Result:
    """Grow one of two lakes, and refresh the same hour in both."""
    with embedded_postgres(folder / "postgres") as server, ExitStack() as stack:
        base = stack.enter_context(_side(server, folder, "base", _BASE_DAYS))
        grown = stack.enter_context(_side(server, folder, "grown", _GROWN_DAYS))
        interleaved({"base": base.refresh, "grown": grown.refresh}, rounds=_WARM_UP_ROUNDS)
        taken = interleaved({"base": base.refresh, "grown": grown.refresh}, rounds=_ROUNDS)
        detail = {
            "base_ms": round(1000 * median(taken["base"]), 1),
            "grown_ms": round(1000 * median(taken["grown"]), 1),
            "append_growth": round(ratio_of_medians(grown.append_seconds, base.append_seconds), 2),
            "base_days": _BASE_DAYS,
            "grown_days": _GROWN_DAYS,
            "events_per_day": _EVENTS_PER_DAY,
            "first_refresh_base_s": round(base.first_seconds, 1),
            "first_refresh_grown_s": round(grown.first_seconds, 1),
            "rounds": _ROUNDS,
        }
    return Result(ratio_of_medians(taken["grown"], taken["base"]), detail)


@contextmanager
def _side(server: str, folder: Path, name: str, days: int) -> Iterator[_Side]:
    lake = make_lake(folder / name, days=days, events_per_day=_EVENTS_PER_DAY, end=_END)
    with connect(server) as connection:
        connection.execute(f"CREATE DATABASE {name}")
    with connect(on_database(server, name)) as connection:
        migrate(connection)
        refresher = Refresher(lake, MetricStore(connection))
        with stopwatch() as elapsed:
            refresher.refresh()
            seconds = elapsed()
        # As the server's own maintenance would leave them: the rows have just come in all at once.
        connection.execute("VACUUM ANALYZE")
        connection.execute("CHECKPOINT")
        yield _Side(lake, refresher, seconds)


REFRESH_GROWTH = Benchmark("refresh_growth", "ratio", 1.1, "lower", measure)
