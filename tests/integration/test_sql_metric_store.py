"""The store of the window statistics on a real server."""

from dataclasses import asdict
from datetime import datetime, timedelta
from decimal import Decimal
from typing import Any
from uuid import UUID, uuid4

import polars as pl
import pytest

from omninode.errors import BadInput
from sql.connection import Connection, open_pool
from sql.errors import DatabaseError
from sql.metric_store import MetricStore, Progress, ReplaceResult
from tests.postgres import HOUR, metric_row, metric_rows

LAKE, OTHER_LAKE = uuid4(), uuid4()
THIS = [("hourly", HOUR)]
NEXT = HOUR + timedelta(hours=1)


@pytest.fixture
def store(database: Connection) -> MetricStore:
    return MetricStore(database)


def replace(store: MetricStore, *rows: dict[str, Any], version: int, lake: UUID = LAKE) -> ReplaceResult:
    """Replace what the window at HOUR holds."""
    return store.replace_windows(metric_rows(*rows), THIS, lake_id=lake, lake_version=version)


def result(**counts: int) -> ReplaceResult:
    return ReplaceResult(**dict.fromkeys(asdict(ReplaceResult(0, 0, 0, 0, 0)), 0) | counts)


def groups(store: MetricStore) -> list[str]:
    return [row["group_key"] for row in store.read_metrics("hourly", "node_type_grouping")]


def test_a_row_is_read_as_it_was_written(store: MetricStore) -> None:
    """The guide's shape, decimals exact, unknown as None, times in UTC, ids as text."""
    written = metric_row(
        cost_statistics='{"total_tokens": 180000, "total_cost_usd": 18.000000001, "avg_cost_per_generation": null}'
    )
    assert replace(store, written, version=7) == result(inserted=1)
    (read,) = store.read_metrics("hourly", "node_type_grouping")
    assert read.pop("updated_at").utcoffset() == timedelta(0)
    assert read == written | {
        "success_rate": Decimal("0.9467"),
        "duration_statistics": {"avg_seconds": 2.3, "p99_seconds": None, "n": 142, "method": "exact"},
        "quality_statistics": {"avg_score": 0.87, "n": 142},
        "cost_statistics": {
            "total_tokens": 180000,
            "total_cost_usd": Decimal("18.000000001"),
            "avg_cost_per_generation": None,
        },
        "attempt_statistics": None,
        "stage_statistics": None,
        "model_statistics": None,
        "node_type_statistics": None,
        "lake_id": str(LAKE),
        "lake_version": 7,
        "checked_lake_version": 7,
    }


def test_trailing_zeros_of_money_stay(store: MetricStore) -> None:
    """18.00 dollars are stored and read as 18.00, 1e-9 as what it is."""
    replace(store, metric_row(cost_statistics='{"total_cost_usd": 18.00, "avg_cost_per_generation": 1e-9}'), version=1)
    cost = store.read_metrics("hourly", "node_type_grouping")[0]["cost_statistics"]
    assert str(cost["total_cost_usd"]) == "18.00"
    assert cost["avg_cost_per_generation"] == Decimal("0.000000001")


def test_an_unknown_rate_stays_unknown(store: MetricStore) -> None:
    """Without a finished generation there is no rate."""
    nothing = {"total_generations": 0, "successful_generations": 0, "failed_generations": 0, "success_rate": None}
    replace(store, metric_row(**nothing), version=1)
    assert store.read_metrics("hourly", "node_type_grouping")[0]["success_rate"] is None


AWKWARD = (
    ["a,b", 'say "x"', "it's", "line\nbreak", "cr\rhere", "tab\there", "back\\slash", r"\.", "x\n\\.\ny", r"\N"],
    ["", " ", "é😀中", "{}", "NULL", "%s", "$1", "x" * 255],
)


@pytest.mark.parametrize("key", [key for keys in AWKWARD for key in keys])
def test_any_group_key_survives(store: MetricStore, key: str) -> None:
    """Whatever a domain is called, it comes back as it went in, and its row is found again by the next refresh."""
    assert replace(store, metric_row(group_key=key), version=1) == result(inserted=1)
    assert groups(store) == [key]
    assert replace(store, metric_row(group_key=key), version=2) == result(unchanged=1)


def test_changed_content_is_updated(store: MetricStore) -> None:
    """A changed row says which version made it."""
    replace(store, metric_row(), version=1)
    before = store.read_metrics("hourly", "node_type_grouping")[0]
    assert replace(store, metric_row(conflicting_terminal_events=1), version=2) == result(updated=1)
    after = store.read_metrics("hourly", "node_type_grouping")[0]
    assert (after["conflicting_terminal_events"], after["lake_version"], after["checked_lake_version"]) == (1, 2, 2)
    assert after["updated_at"] > before["updated_at"]


@pytest.mark.parametrize("column", ["duration_statistics", "quality_statistics", "cost_statistics"])
def test_changed_statistics_are_updated(store: MetricStore, column: str) -> None:
    """A difference inside the JSON is a difference."""
    replace(store, metric_row(), version=1)
    assert replace(store, metric_row(**{column: '{"n": 1}'}), version=2) == result(updated=1)
    assert store.read_metrics("hourly", "node_type_grouping")[0][column] == {"n": 1}


def test_unchanged_content_keeps_its_version(store: MetricStore) -> None:
    """The same content, its JSON spelled otherwise, keeps the version that made it; that it was checked is noted."""
    replace(store, metric_row(quality_statistics='{"n": 1, "avg_score": 0.5}'), version=1)
    before = store.read_metrics("hourly", "node_type_grouping")[0]
    again = metric_row(quality_statistics='{"avg_score":0.50,"n":1}')
    assert replace(store, again, version=4) == result(unchanged=1)
    after = store.read_metrics("hourly", "node_type_grouping")[0]
    assert (after["lake_version"], after["checked_lake_version"]) == (1, 4)
    assert after["updated_at"] == before["updated_at"]


def test_a_group_that_emptied_is_deleted(store: MetricStore) -> None:
    """What a refreshed window lacks goes; what other windows hold stays."""
    later = metric_row(window_start=NEXT, group_key="reducer")
    store.replace_windows(metric_rows(later), [("hourly", NEXT)], lake_id=LAKE, lake_version=1)
    replace(store, metric_row(group_key="effect"), metric_row(group_key="compute"), version=1)
    assert replace(store, metric_row(group_key="effect"), version=2) == result(unchanged=1, deleted=1)
    assert groups(store) == ["effect", "reducer"]


def test_a_window_that_emptied_holds_nothing(store: MetricStore) -> None:
    """A window may be given without any row."""
    replace(store, metric_row(), version=1)
    assert replace(store, version=2) == result(deleted=1)
    assert groups(store) == []


def test_an_older_version_is_left_out(store: MetricStore) -> None:
    """It neither overwrites, nor adds, nor deletes."""
    replace(store, metric_row(group_key="effect"), metric_row(group_key="compute"), version=5)
    older = [metric_row(group_key="effect", in_flight_generations=9), metric_row(group_key="reducer")]
    assert replace(store, *older, version=4) == result(superseded=2)
    found = store.read_metrics("hourly", "node_type_grouping")
    assert [(row["group_key"], row["in_flight_generations"]) for row in found] == [("compute", 1), ("effect", 1)]


def test_an_older_version_does_not_refill_what_a_newer_one_emptied(store: MetricStore) -> None:
    """That a window was found empty is remembered."""
    assert replace(store, version=5) == result()
    assert replace(store, metric_row(), version=4) == result(superseded=1)
    assert groups(store) == []


def test_windows_are_judged_one_by_one(store: MetricStore) -> None:
    """Of one refresh, a window that a newer one has made is left out and another is written."""
    replace(store, metric_row(), version=5)
    both = metric_rows(metric_row(), metric_row(window_start=NEXT))
    older = store.replace_windows(both, [*THIS, ("hourly", NEXT)], lake_id=LAKE, lake_version=4)
    assert older == result(inserted=1, superseded=1)


def test_the_same_version_may_come_again(store: MetricStore) -> None:
    """The same lake at a later hour: what was in flight is abandoned."""
    replace(store, metric_row(), version=5)
    abandoned = metric_row(in_flight_generations=0, abandoned_generations=1)
    assert replace(store, abandoned, version=5) == result(updated=1)


def test_another_lake_replaces(store: MetricStore) -> None:
    """Versions of different lakes are not compared: the lake given last holds, even with the same content."""
    replace(store, metric_row(), version=50)
    assert replace(store, metric_row(), version=1, lake=OTHER_LAKE) == result(updated=1)
    row = store.read_metrics("hourly", "node_type_grouping")[0]
    assert (row["lake_id"], row["lake_version"], row["checked_lake_version"]) == (str(OTHER_LAKE), 1, 1)


def test_many_windows_and_rows_at_once(store: MetricStore) -> None:
    """A backfill of thousands of rows: inserted, found unchanged, changed, deleted."""
    starts = [HOUR + timedelta(hours=hour) for hour in range(600)]
    windows = [("hourly", start) for start in starts]
    rows = metric_rows(*(metric_row(window_start=start, group_key=f"g{n}") for start in starts for n in range(5)))
    counts = [
        store.replace_windows(frame, windows, lake_id=LAKE, lake_version=version)
        for version, frame in enumerate(
            [rows, rows, rows.with_columns(in_flight_generations=pl.lit(2, pl.Int64)), rows.clear()]
        )
    ]
    assert counts == [result(inserted=3000), result(unchanged=3000), result(updated=3000), result(deleted=3000)]


def test_a_row_outside_the_windows_is_refused(store: MetricStore) -> None:
    """It would be written without the guard of its window."""
    with pytest.raises(ValueError, match="not given"):
        replace(store, metric_row(window_start=NEXT), version=1)


@pytest.mark.parametrize(
    "wrong",
    [
        {"total_generations": 151},
        {"success_rate": 1.5},
        {"success_rate": float("nan")},
        {"window_end": HOUR},
        {"duration_statistics": "{"},
        {"group_key": "x" * 256},
    ],
)
def test_impossible_rows_are_refused(store: MetricStore, wrong: dict[str, Any]) -> None:
    """The table keeps its invariants, the error is one line, and nothing of the refresh stays."""
    with pytest.raises(DatabaseError) as caught:
        replace(store, metric_row(group_key="fine"), metric_row(**wrong), version=1)
    assert "\n" not in str(caught.value)
    assert groups(store) == []
    assert replace(store, metric_row(), version=1) == result(inserted=1)


def test_rows_are_read_by_time_and_then_group(store: MetricStore) -> None:
    """Only the asked type, strategy and half-open range; groups in code point order on every server."""
    starts = [HOUR + timedelta(hours=hour) for hour in (3, 0, 2, 1)]
    rows = [metric_row(window_start=start, group_key=key) for start in starts for key in ("b", "é", "B", "a")]
    others = [metric_row(aggregation_type="time_window", group_key="all")]
    days = [metric_row(window_type="daily", window_start=HOUR.replace(hour=0))]
    windows = [*(("hourly", start) for start in starts), ("daily", HOUR.replace(hour=0))]
    store.replace_windows(metric_rows(*rows, *others, *days), windows, lake_id=LAKE, lake_version=1)

    def read(start: datetime | None = None, end: datetime | None = None) -> list[tuple[int, str]]:
        found = store.read_metrics("hourly", "node_type_grouping", start, end)
        return [((row["window_start"] - HOUR) // timedelta(hours=1), row["group_key"]) for row in found]

    everything = [(hour, key) for hour in range(4) for key in ("B", "a", "b", "é")]
    assert read() == everything
    assert read(NEXT, HOUR + timedelta(hours=3)) == everything[4:12]
    assert read(start=NEXT) == everything[4:]
    assert read(end=NEXT) == everything[:4]


def test_one_row_by_its_id(store: MetricStore) -> None:
    """An id is found or not, and what is no id is bad input."""
    row = metric_row()
    replace(store, row, version=1)
    found = store.get_metric(row["aggregation_id"])
    assert found is not None
    assert found == store.read_metrics("hourly", "node_type_grouping")[0]
    assert store.get_metric(uuid4()) is None
    with pytest.raises(BadInput, match="'seven'"):
        store.get_metric("seven")


def test_progress_goes_forward_only(store: MetricStore) -> None:
    """Within a lake neither the version nor its time goes back; another lake starts anew."""
    assert store.progress("statistics") is None
    store.set_progress("statistics", lake_id=LAKE, lake_version=5, as_of=NEXT)
    store.set_progress("statistics", lake_id=LAKE, lake_version=4, as_of=NEXT)
    store.set_progress("statistics", lake_id=LAKE, lake_version=5, as_of=HOUR)
    assert store.progress("statistics") == Progress(LAKE, 5, NEXT)
    store.set_progress("statistics", lake_id=LAKE, lake_version=6, as_of=HOUR)
    assert store.progress("statistics") == Progress(LAKE, 6, HOUR)
    store.set_progress("statistics", lake_id=OTHER_LAKE, lake_version=1, as_of=HOUR)
    assert store.progress("statistics") == Progress(OTHER_LAKE, 1, HOUR)
    assert store.progress("another") is None


class Stop(Exception):
    """Something outside the database went wrong."""


def test_rows_and_progress_are_kept_or_undone_together(store: MetricStore) -> None:
    """In one transaction, two refreshes and the progress stand or fall as one."""

    def refresh(*, fails: bool) -> None:
        with store.transaction() as inside:
            replace(inside, metric_row(), version=1)
            replace(inside, metric_row(group_key="compute"), version=2)
            inside.set_progress("statistics", lake_id=LAKE, lake_version=2, as_of=HOUR)
            if fails:
                raise Stop

    with pytest.raises(Stop):
        refresh(fails=True)
    assert (groups(store), store.progress("statistics")) == ([], None)
    refresh(fails=False)
    assert (groups(store), store.progress("statistics")) == (["compute"], Progress(LAKE, 2, HOUR))


def test_a_store_on_a_pool(database_url: str) -> None:
    """A pool serves as well as a connection, in and out of transactions."""
    with open_pool(database_url) as pool:
        store = MetricStore(pool)
        with store.transaction() as inside:
            replace(inside, metric_row(), version=1)
            assert groups(store) == []
            assert groups(inside) == ["effect"]
        assert groups(store) == ["effect"]


def test_rows_of_another_lake_are_forgotten(store: MetricStore) -> None:
    """Rows that another lake made go, rows of this lake stay, and the other lake may write again later."""
    replace(store, metric_row(), version=9, lake=OTHER_LAKE)
    store.replace_windows(metric_rows(metric_row(window_start=NEXT)), [("hourly", NEXT)], lake_id=LAKE, lake_version=1)
    assert store.forget_other_lakes(LAKE) == 1
    assert [row["window_start"] for row in store.read_metrics("hourly", "node_type_grouping")] == [NEXT]
    assert replace(store, metric_row(), version=1, lake=OTHER_LAKE) == result(inserted=1)
