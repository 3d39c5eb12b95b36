"""Events from a lake in the lifecycle tables: again and again, late, doubled, and beside the API."""

from pathlib import Path
from uuid import uuid4

from ingest.lake import Lake
from pipelines.lifecycle.replay import LifecycleReplay
from sql.connection import Connection, Pool
from sql.lifecycle_events import LifecycleEvents
from sql.lifecycle_reports import LifecycleReports
from tests.events import completed, failed, stage, started
from tests.lakes import append_rows
from tests.lifecycle import ALL_FLAGS, begun, tracker_on
from tests.lifecycle_lake import DAY, tables


def test_events_make_workflows(lifecycle_lake: Lake, replay: LifecycleReplay, database: Connection) -> None:
    """They stand where the events say; doing it again, as a refresh or from the beginning, changes nothing."""
    first, second = str(uuid4()), str(uuid4())
    append_rows(
        lifecycle_lake, [started(first, at=DAY + "00"), completed(first, at=DAY + "09"), failed(second)], name="one"
    )
    report = replay.refresh()
    assert (report.looked_at, report.brought.workflows, report.brought.transitions) == (2, 2, 5)
    before = tables(database)
    assert [row["source"] for (row,) in before[1]] == ["event"] * 5
    assert replay.refresh().looked_at == 0
    again = replay.replay()
    assert (again.looked_at, again.brought.workflows, again.brought.transitions) == (2, 0, 0)
    assert tables(database) == before


def test_late_and_doubled_events(
    lifecycle_lake: Lake, replay: LifecycleReplay, lifecycle_pool: Pool, database: Connection
) -> None:
    """In whatever pieces the events come, the tables end as if they had come at once."""
    workflow_id, other = str(uuid4()), str(uuid4())
    events = [
        started(workflow_id, at=DAY + "00"),
        stage(2, workflow_id, at=DAY + "02"),
        stage(4, workflow_id, at=DAY + "04"),
        failed(workflow_id, at=DAY + "05"),
        started(workflow_id, at="2025-11-20T00:00:00", attempt=2),
        completed(workflow_id, at="2025-11-20T00:05:00", attempt=2),
        started(other, at=DAY + "00"),
    ]
    for number, place in enumerate([5, 3, 1, 1, 6, 0, 2, 4, 5]):
        append_rows(lifecycle_lake, [events[place]], name=f"batch {number}")
        replay.refresh()
    pieces = tables(database)
    database.execute("TRUNCATE workflow_state_current, workflow_state_history")
    LifecycleReplay(lifecycle_lake, LifecycleEvents(lifecycle_pool)).replay()
    assert tables(database) == pieces
    current = database.execute("SELECT current_state, attempt, transition_count FROM workflow_state_current").fetchall()
    assert sorted(current) == [("ANALYZING", 1, 1), ("COMPLETED", 2, 9)]


async def test_the_api_and_events_agree(
    lifecycle_lake: Lake, replay: LifecycleReplay, database_url: str, tmp_path: Path, database: Connection
) -> None:
    """What the API has done already is nothing new; what it has not done yet, the events do by the same rules."""
    async with tracker_on(database_url, tmp_path) as tracker:
        workflow_id = await begun(tracker, 2)
        append_rows(
            lifecycle_lake, [stage(4, str(workflow_id)), completed(str(workflow_id), at=DAY + "30")], name="one"
        )
        report = replay.refresh()
        assert (report.brought.judged, report.brought.transitions, report.brought.conflicts) == (4, 2, 0)
        workflow = await tracker.get_workflow_state(workflow_id)
        assert workflow is not None
        assert (workflow.current_state, workflow.transition_count, workflow.source) == ("COMPLETED", 4, "mixed")
        history = await tracker.get_transition_history(workflow_id, include_rejected=True)
        assert [(t.source, t.to_state) for t in history] == [
            ("api", "ANALYZING"), ("api", "GENERATING"), ("event", "VALIDATING"), ("event", "COMPLETED"),
        ]  # fmt: skip
    before = tables(database)
    assert replay.replay().brought.transitions == 0
    assert tables(database) == before


async def test_the_api_and_events_contradict_each_other(
    lifecycle_lake: Lake, replay: LifecycleReplay, lifecycle_pool: Pool, database_url: str, tmp_path: Path
) -> None:
    """The state stays what the first of them made it; the other's word is kept as a conflict, once."""
    async with tracker_on(database_url, tmp_path) as tracker:
        workflow_id = await begun(tracker, 4)
        append_rows(lifecycle_lake, [failed(str(workflow_id), at=DAY + "30")], name="one")
        for _ in range(2):
            replay.replay()
        workflow = await tracker.get_workflow_state(workflow_id)
        assert workflow is not None
        assert workflow.current_state == "COMPLETED"
        *_, conflict = await tracker.get_transition_history(workflow_id, include_rejected=True)
        assert (conflict.conflict, conflict.accepted, conflict.source, conflict.to_state) == (
            True, False, "event", "FAILED",
        )  # fmt: skip
    paths = LifecycleReports(lifecycle_pool).illegal_paths()
    assert [(p["from_state"], p["to_state"], p["source"], p["conflict"], p["refused"]) for p in paths] == [
        ("COMPLETED", "FAILED", "event", True, 1)
    ]


async def test_the_api_moves_what_events_began(
    lifecycle_lake: Lake, replay: LifecycleReplay, database_url: str, tmp_path: Path, database: Connection
) -> None:
    """A workflow that events made can be moved; from then on later events are judged, and take nothing back."""
    workflow_id = str(uuid4())
    append_rows(lifecycle_lake, [started(workflow_id)], name="one")
    replay.refresh()
    async with tracker_on(database_url, tmp_path) as tracker:
        assert not await tracker.initialize_workflow(workflow_id)
        assert (await tracker.transition_state(workflow_id, "GENERATING", "START_GENERATION", ALL_FLAGS))[0]
        append_rows(lifecycle_lake, [stage(2, workflow_id), failed(workflow_id, at=DAY + "50")], name="two")
        replay.refresh()
        history = await tracker.get_transition_history(workflow_id)
        assert [(t.source, t.to_state) for t in history] == [
            ("event", "ANALYZING"), ("api", "GENERATING"), ("event", "FAILED"),
        ]  # fmt: skip
    before = tables(database)
    replay.replay()
    assert tables(database) == before
