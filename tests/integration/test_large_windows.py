"""Windows too large to be computed each time: merged from states of hours, and confirmed by the oracle."""

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from assets.oracle_check import check_windows
from ingest.lake import Lake, open_lake
from ingest.synthetic import synthetic_messages
from pipelines.dirty import all_hours
from pipelines.enums import EnumWindowType
from pipelines.explain import explain
from pipelines.large_windows import Large
from pipelines.refresh import Refresher
from pipelines.sketch import ERROR
from pipelines.snapshot import snapshot_of
from pipelines.windows import windows_over
from sql.connection import Connection, connect
from sql.metric_store import MetricStore
from tests.events import completed, failed, started
from tests.lakes import append_messages, append_rows

START = datetime(2025, 10, 6, tzinfo=UTC)
LATE = datetime(2025, 10, 7, 10, 30, tzinfo=UTC)
#: Days are computed, weeks and months merged; once over, they are computed too.
LARGE = Large(open=200, closed=10_000)


@pytest.fixture
def lake(tmp_path: Path) -> Lake:
    """A lake of three days, with retries, failures, late and doubled events."""
    lake = open_lake(str(tmp_path / "lake"))
    append_messages(lake, synthetic_messages(workflows=300, seed=3, start=START, days=3), name="first")
    return lake


@pytest.fixture
def store(database: Connection) -> MetricStore:
    return MetricStore(database)


def agrees(lake: Lake, store: MetricStore) -> None:
    """Every row of every window is what the oracle says, percentiles within what the row states."""
    hours = all_hours(snapshot_of(lake))
    for over in EnumWindowType:
        windows = windows_over(hours, over)
        assert check_windows(lake, store, windows) == ([], len(windows))


def methods(store: MetricStore) -> dict[str, set[str]]:
    """How the percentiles of each type's windows were made."""
    return {over: {row["duration_statistics"]["method"] for row in rows(store, over)} for over in EnumWindowType}


def rows(store: MetricStore, over: EnumWindowType) -> list[dict[str, Any]]:
    return store.read_metrics(over.value, "time_window")


def test_large_windows_are_merged_and_their_rows_say_so(lake: Lake, store: MetricStore) -> None:
    """New events, late ones and a retry change the same rows as a computation would; a new process goes on."""
    refresher = Refresher(lake, store, LARGE)
    refresher.refresh()
    agrees(lake, store)
    assert methods(store) == {"hourly": {"exact"}, "daily": {"exact"}, "weekly": {"ddsketch"}, "monthly": {"ddsketch"}}
    (month,) = rows(store, EnumWindowType.MONTHLY)
    assert month["duration_statistics"]["relative_error"] == ERROR == 0.005

    late = [started("late", at=LATE, node_type="effect"), completed("late", at=LATE, duration_seconds=5000.0)]
    append_rows(lake, [*late, failed("new", at=START + timedelta(days=2, hours=20))], name="late")
    report = refresher.refresh()
    assert report.window_count == 2 + 2 + 1 + 1
    agrees(lake, store)
    (after,) = rows(store, EnumWindowType.MONTHLY)
    assert after["total_generations"] == month["total_generations"] + 2
    assert after["duration_statistics"]["max_seconds"] == 5000.0

    append_rows(lake, [completed("new", at=START + timedelta(days=2, hours=21), attempt=2)], name="retried")
    Refresher(lake, store, LARGE).refresh()
    agrees(lake, store)
    explained = explain(lake, store, after["aggregation_id"])
    assert explained.agrees
    assert explained.recomputed is not None
    assert explained.recomputed["duration_statistics"]["method"] == "exact"


def test_a_window_that_is_over_is_made_exactly(lake: Lake, store: MetricStore) -> None:
    """The first event of the next month closes week and month; with a lower limit they stay merged, and say so."""
    refresher = Refresher(lake, store, LARGE)
    refresher.refresh()
    append_rows(lake, [completed("november", at=datetime(2025, 11, 3, 1, tzinfo=UTC))], name="november")
    tried = Refresher(lake, store, Large(open=200, closed=200)).refresh(dry_run=True)
    assert {change.window_start.month for change in tried.changes or []} == {11}
    refresher.refresh()
    agrees(lake, store)
    assert set().union(*methods(store).values()) == {"exact"}


def test_who_comes_late_keeps_no_state(lake: Lake, store: MetricStore, database_url: str) -> None:
    """A refresh of an older version that ends after one of a newer leaves neither its rows nor its states behind."""
    Refresher(lake, store, LARGE).refresh()
    append_rows(lake, [completed("one", at=LATE, duration_seconds=7000.0)], name="one")

    class Overtaken(MetricStore):
        """Before it writes, another refresh has read and written more."""

        @contextmanager
        def transaction(self) -> Iterator[MetricStore]:
            append_rows(lake, [completed("two", at=LATE, duration_seconds=9000.0)], name="two")
            Refresher(open_lake(lake.url), MetricStore(store.source), LARGE).refresh()
            with super().transaction() as inner:
                yield inner

    with connect(database_url) as other:
        Refresher(open_lake(lake.url), Overtaken(other), LARGE).refresh()
    append_rows(lake, [completed("three", at=LATE + timedelta(hours=1))], name="three")
    Refresher(lake, store, LARGE).refresh()
    agrees(lake, store)
