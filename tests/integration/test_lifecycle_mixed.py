"""Workflows of which both the API and events speak: what either said is kept, and what does not fit is shown."""

from pathlib import Path
from uuid import uuid4

from ingest.lake import Lake
from pipelines.lifecycle.replay import LifecycleReplay
from sql.connection import Connection
from tests.events import completed, failed, stage, started
from tests.lakes import append_rows
from tests.lifecycle import ALL_FLAGS, begun, tracker_on
from tests.lifecycle_lake import DAY, tables


async def test_what_the_api_was_refused_outlives_a_refresh(
    lifecycle_lake: Lake, replay: LifecycleReplay, database_url: str, tmp_path: Path
) -> None:
    """On a workflow that only events move, a refused call stays with its key, whatever that key is."""
    workflow_id = uuid4()
    append_rows(lifecycle_lake, [started(str(workflow_id), at=DAY + "00")], name="one")
    replay.refresh()
    async with tracker_on(database_url, tmp_path) as tracker:
        # 1/3 is how the transition to GENERATING would be named among those of events.
        keys = ["k", "1/3"]
        refused = [
            await tracker.transition_state(workflow_id, "GENERATING", "START_GENERATION", idempotency_key=key)
            for key in keys
        ]
        assert [success for success, _ in refused] == [False, False]
        append_rows(lifecycle_lake, [stage(2, str(workflow_id), at=DAY + "05")], name="two")
        assert replay.refresh().brought.transitions == 1
        replay.replay()
        history = await tracker.get_transition_history(workflow_id, include_rejected=True)
        assert sorted((t.source, t.to_state, t.idempotency_key) for t in history if t.source == "api") == [
            ("api", "GENERATING", "1/3"), ("api", "GENERATING", "k"),
        ]  # fmt: skip
        assert [(t.to_state, t.transition_number) for t in history if t.accepted] == [
            ("ANALYZING", 1), ("GENERATING", 2),
        ]  # fmt: skip
        again = await tracker.transition_state(
            workflow_id, "GENERATING", "START_GENERATION", ALL_FLAGS, idempotency_key="k"
        )
        assert again == refused[0]


async def test_a_report_counts_the_workflows_that_moved(
    lifecycle_lake: Lake, replay: LifecycleReplay, database_url: str, tmp_path: Path
) -> None:
    """Several transitions of one workflow and a conflict of another: one has moved."""
    async with tracker_on(database_url, tmp_path) as tracker:
        moving, standing = await begun(tracker), await begun(tracker, 4)
    rows = [completed(str(moving), at=DAY + "01"), failed(str(standing), at=DAY + "02")]
    append_rows(lifecycle_lake, rows, name="one")
    brought = replay.refresh().brought
    assert (brought.workflows, brought.transitions, brought.judged, brought.conflicts) == (1, 5, 5, 1)


async def test_a_second_end_is_shown(
    lifecycle_lake: Lake, replay: LifecycleReplay, database_url: str, tmp_path: Path, database: Connection
) -> None:
    """However the API ended the attempt: what events say beyond one end is a conflict, and tells its event."""
    async with tracker_on(database_url, tmp_path) as tracker:
        ended, open_one = await begun(tracker, 4), await begun(tracker, 3)
        for number, told in enumerate((str(ended), str(open_one))):
            ends = [completed(told, at=DAY + at, event_id=f"{at} {number}") for at in ("30", "35")]
            append_rows(lifecycle_lake, [*ends, failed(told, at=DAY + "40")], name=told)
        replay.refresh()
        for workflow_id in (ended, open_one):
            history = await tracker.get_transition_history(workflow_id, include_rejected=True)
            assert [(t.from_state, t.to_state, t.conflict) for t in history if not t.accepted] == [
                ("COMPLETED", "COMPLETED", True), ("COMPLETED", "FAILED", True),
            ]  # fmt: skip
            assert [t.metadata["event_id"][:2] for t in history if t.metadata.keys() == {"event_id"}] == (
                ["35", "fa"] if workflow_id == ended else ["30", "35", "fa"]
            )
        workflow = await tracker.get_workflow_state(open_one)
        assert workflow is not None
        assert (workflow.current_state, workflow.metadata) == ("COMPLETED", ALL_FLAGS)
        # An earlier end that comes late makes no second end of the one that counted.
        append_rows(lifecycle_lake, [failed(str(open_one), at=DAY + "20")], name="late")
        replay.refresh()
        history = await tracker.get_transition_history(open_one, include_rejected=True)
        assert [t.metadata["event_id"][:2] for t in history if t.conflict] == ["35", "fa", "fa"]
    before = tables(database)
    replay.replay()
    assert tables(database) == before


async def test_an_attempt_given_up_is_marked(
    lifecycle_lake: Lake, replay: LifecycleReplay, database_url: str, tmp_path: Path
) -> None:
    """The API began the first attempt, events tell of the second: the failure that nobody told is a conflict."""
    async with tracker_on(database_url, tmp_path) as tracker:
        workflow_id = await begun(tracker, 1)
        told = [started(str(workflow_id)), started(str(workflow_id), at=DAY + "10", attempt=2)]
        append_rows(lifecycle_lake, told, name="one")
        replay.refresh()
        history = await tracker.get_transition_history(workflow_id, include_rejected=True)
        assert [(t.to_state, t.attempt, t.accepted, t.conflict) for t in history] == [
            ("ANALYZING", 1, True, False), ("FAILED", 1, True, True), ("PENDING", 2, True, False),
            ("ANALYZING", 2, True, False),
        ]  # fmt: skip
