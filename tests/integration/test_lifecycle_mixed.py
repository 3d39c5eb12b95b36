"""Workflows of which both the API and events speak: what either said is kept, and what does not fit is shown."""

from pathlib import Path
from uuid import uuid4

from ingest.lake import Lake
from pipelines.lifecycle.replay import LifecycleReplay
from tests.events import completed, failed, stage, started
from tests.lakes import append_rows
from tests.lifecycle import ALL_FLAGS, begun, tracker_on
from tests.lifecycle_lake import DAY


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
