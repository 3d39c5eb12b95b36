"""How long workflows stay in their states, and who stays for too long, where the stays differ and are known by hand."""

from datetime import timedelta
from pathlib import Path
from uuid import uuid4

import pytest

from ingest.lake import open_lake
from pipelines.lifecycle.replay import LifecycleReplay
from sql.connection import Connection, open_pool
from sql.lifecycle_events import LifecycleEvents
from sql.lifecycle_reports import LifecycleReports
from sql.lifecycle_store import LifecycleStore
from tests.events import failed, stage, started
from tests.lakes import append_rows
from tests.lifecycle import HAPPY_PATH
from tests.lifecycle_stays import NOON, stand, stay

GENERATE, VALIDATE = HAPPY_PATH[1:3]


def test_percentiles_of_stays_that_differ(database: Connection) -> None:
    """Interpolated between the stays, each state by its own, and marked where too few are behind them."""
    store = LifecycleStore(database)
    # 0, 1, ... 100: the p-th percentile is p.
    stay(store, "ANALYZING", range(101), GENERATE)
    # Five: p95 lies 3.8 steps from the first, 40 + 0.8 * 60; p99 3.96 steps, 40 + 0.96 * 60.
    stay(store, "GENERATING", [100, 10, 40, 20, 30], VALIDATE)
    stay(store, "PENDING", [7] * 20, ("FAILED", "FAIL_WORKFLOW"))
    found = {row.pop("state"): row for row in LifecycleReports(database).time_in_state()}
    assert list(found) == ["ANALYZING", "GENERATING", "PENDING"]
    assert list(found["ANALYZING"].values()) == [101, 101, 50, 95, 99, 100, False, False]
    assert list(found["GENERATING"].values()) == [5, 5, 30, pytest.approx(88), pytest.approx(97.6), 100, True, True]
    assert list(found["PENDING"].values()) == [20, 20, 7, 7, 7, 7, False, True]


def test_who_is_stuck(database: Connection) -> None:
    """Longer than the p99 of a state, but never less than a minute; than a day where too few have left the state."""
    store, reports = LifecycleStore(database), LifecycleReports(database)
    stay(store, "ANALYZING", range(101), GENERATE)
    stay(store, "GENERATING", [2] * 100, VALIDATE)
    stay(store, "PENDING", [5] * 99, ("FAILED", "FAIL_WORKFLOW"))
    database.execute("DELETE FROM workflow_state_current")
    (analyzing,), (generating,), (pending,) = (stand(store, s) for s in ("ANALYZING", "GENERATING", "PENDING"))

    def stuck(seconds: float) -> list[tuple[object, ...]]:
        rows = reports.stuck_workflows(NOON + timedelta(seconds=seconds))
        return [(row["workflow_id"], row["limit_seconds"], row["limit_by"]) for row in rows]

    long_in_generating, long_in_analyzing = (generating, 60, "least"), (analyzing, 99, "p99")
    assert stuck(60) == []
    assert stuck(61) == stuck(99) == [long_in_generating]
    assert stuck(99.5) == stuck(86_400) == [long_in_generating, long_in_analyzing]
    assert stuck(86_401) == [long_in_generating, long_in_analyzing, (pending, 86_400, "otherwise")]


def test_what_events_tell_of_one_instant_is_no_wait(database: Connection, database_url: str, tmp_path: Path) -> None:
    """Events begin a workflow and its first stage at once: that says nothing of how long others wait in PENDING.

    Nor is there a length where the end of an attempt is taken from the next one.
    """
    lake, stuck, ids = open_lake(str(tmp_path / "lake")), LifecycleReports(database).stuck_workflows, range(120)
    events = [started(f"{uuid4()}", at=NOON.replace(tzinfo=None).isoformat()) for _ in ids]
    given_up = str(uuid4())
    events += [started(given_up), started(given_up, at="2025-10-24T15:00:00", attempt=2)]
    events += [
        stage(2, given_up, at="2025-10-24T15:00:30", attempt=2),
        failed(given_up, at="2025-10-24T15:01", attempt=2),
    ]
    append_rows(lake, events, name="one")
    with open_pool(database_url, max_size=3) as pool:
        LifecycleReplay(lake, LifecycleEvents(pool)).refresh()
    found = {row["state"]: row for row in LifecycleReports(database).time_in_state()}
    assert [(found[s]["stays"], found[s]["timed_stays"]) for s in ("PENDING", "ANALYZING")] == [(122, 0), (2, 1)]
    assert (found["PENDING"]["p99_seconds"], found["ANALYZING"]["max_seconds"]) == (None, 30)

    (waiting,) = stand(LifecycleStore(database), "PENDING")
    assert stuck(NOON + timedelta(hours=1), state="PENDING") == []
    (row,) = stuck(NOON + timedelta(hours=25), state="PENDING")
    assert (row["workflow_id"], row["limit_by"]) == (waiting, "otherwise")
