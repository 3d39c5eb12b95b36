"""Archived workflows: they stay archived and counted, and come back whole when somebody speaks of them again."""

import asyncio
from collections import Counter
from pathlib import Path
from typing import Any
from uuid import UUID, uuid4

import pytest

from ingest.lake import Lake
from pipelines import FSMStateTracker, Transition
from pipelines.lifecycle.archive import NotInArchive, archived_history
from pipelines.lifecycle.replay import LifecycleReplay
from sql.connection import Connection
from sql.lifecycle_reports import LifecycleReports
from tests.command import CommandLine
from tests.events import completed, failed, stage, started
from tests.lakes import append_rows
from tests.lifecycle import ALL_FLAGS, begun, tracker_on
from tests.lifecycle_lake import DAY, tables

FAIL, RETRY = ("FAILED", "FAIL_WORKFLOW"), ("PENDING", "RETRY_WORKFLOW")


def counted(database: Connection) -> dict[tuple[str, str, bool], int]:
    """How often each transition was made or refused, as /metrics shows it."""
    rows = LifecycleReports(database).count_transitions()
    return {(row["from_state"], row["to_state"], row["accepted"]): row["transitions"] for row in rows}


async def one_of_each(tracker: FSMStateTracker, lake: Lake, replay: LifecycleReplay) -> list[UUID]:
    """Ended workflows: made by events, by the API, by both, and by the API alone while events say otherwise."""
    told, made, shared, unheard = uuid4(), await begun(tracker, 4), await begun(tracker, 2), await begun(tracker, 4)
    rows = [started(str(told), at=DAY + "00"), completed(str(told), at=DAY + "09"), failed(str(told), at=DAY + "11")]
    append_rows(lake, [*rows, completed(str(shared), at=DAY + "20")], name="one")
    replay.refresh()
    append_rows(lake, [started(str(unheard), at=DAY + "00")], name="two")
    return [told, made, shared, unheard]


async def test_a_replay_leaves_archived_workflows_and_counters_alone(
    lifecycle_lake: Lake, replay: LifecycleReplay, database_url: str, tmp_path: Path, database: Connection
) -> None:
    """Clean-up, full replay, clean-up, full replay: what events have said stays archived, and no counter moves."""
    async with tracker_on(database_url, tmp_path) as tracker:
        told, made, shared, unheard = await one_of_each(tracker, lifecycle_lake, replay)
        before = counted(database)
        assert sum(before.values()) == 5 + 4 + 4 + 4
        assert await tracker.cleanup_terminal_workflows(0) == 4
        assert counted(database) == before
        report = replay.replay()
        assert (report.looked_at, report.brought.restored, report.brought.transitions) == (3, 1, 0)
        assert counted(database) == before
        # Events of it had not been brought in: it is back as the API left it, not as they alone would have it.
        (back,) = await tracker.find_workflows()
        assert (back.workflow_id, back.current_state, back.transition_count) == (unheard, "COMPLETED", 4)
        for _ in range(2):
            await tracker.cleanup_terminal_workflows(0)
            assert replay.replay().brought.restored == 0
        assert (await tracker.find_workflows(), counted(database)) == ([], before)
    assert set(archived_history(lifecycle_lake).collect()["workflow_id"]) == {*map(str, (told, made, shared, unheard))}


async def test_news_of_archived_workflows_finds_their_past(
    lifecycle_lake: Lake, replay: LifecycleReplay, database_url: str, tmp_path: Path, database: Connection
) -> None:
    """A late event, by a refresh, leads to what it had led to without the clean-up: the same rows, the same counts."""
    async with tracker_on(database_url, tmp_path) as tracker:
        workflows = await one_of_each(tracker, lifecycle_lake, replay)
        replay.refresh()
        kept, counts = tables(database), counted(database)
        await tracker.cleanup_terminal_workflows(0)
        # Weeks later, so that only what is known of the workflows leads to their first events.
        late = [failed(str(one), at="2025-12-01T00:00:00") for one in workflows]
        append_rows(lifecycle_lake, late, name="late")
        brought = replay.refresh().brought
        assert (brought.restored, brought.missing, brought.transitions) == (4, 0, 4)
        current, history = tables(database)
        assert [row for row in history if row not in kept[1]] == [row for row in history if is_late(row)]
        assert len(history) == len(kept[1]) + 4
        assert [stands(row) for row in current] == [stands(row) for row in kept[0]]
        assert counted(database) == counts | {("COMPLETED", "FAILED", False): 5}
        assert database.execute("SELECT count(*) FROM workflows_archived").fetchone() == (0,)
        assert LifecycleReports(database).broken_histories() == []
    before = tables(database)
    replay.replay()
    assert tables(database) == before


def is_late(row: tuple[dict[str, Any]]) -> bool:
    """Tell whether it is the refused failure of the late events."""
    return row[0]["conflict"] and "2025-12-01" in row[0]["metadata"].get("event_id", "")


def stands(row: tuple[dict[str, Any]]) -> list[Any]:
    """Where a workflow stands, without what tells of its events."""
    return [row[0][name] for name in ("workflow_id", "current_state", "transition_count", "attempt", "metadata")]


async def test_the_api_brings_archived_workflows_back(database_url: str, tmp_path: Path, database: Connection) -> None:
    """By one call or by many: a key answers as before, a retry opens an attempt, beginning changes nothing."""
    async with tracker_on(database_url, tmp_path) as tracker:
        done, lost = await begun(tracker, 4), await begun(tracker)
        for workflow_id in (done, lost):
            await tracker.transition_state(workflow_id, *FAIL, {"why": "no luck"}, idempotency_key="f", reason="boom")
        history = [await tracker.get_transition_history(one, include_rejected=True) for one in (done, lost)]
        counts = counted(database)
        assert await tracker.cleanup_terminal_workflows(0) == 2
        assert await tracker.initialize_many([done, lost]) == [False, False]
        assert not await tracker.initialize_workflow(lost)
        assert await tracker.find_workflows() == []

        again = await tracker.transition_state(lost, *FAIL, idempotency_key="f")
        assert again == (True, None)
        workflow = await tracker.get_workflow_state(lost)
        assert workflow is not None
        assert workflow.metadata == {"why": "no luck"}
        answers = await tracker.transition_many(
            [Transition(lost, *RETRY), Transition(done, *RETRY), Transition(uuid4(), *RETRY), Transition(done, *RETRY)]
        )
        assert [success for success, _ in answers] == [True, False, False, False]
        now = [await tracker.get_transition_history(one, include_rejected=True) for one in (done, lost)]
        assert [found[: len(known)] for found, known in zip(now, history, strict=True)] == history
        assert [t.attempt for t in now[1]] == [1, 2]
        assert counted(database) == counts | {("FAILED", "PENDING", True): 1, ("COMPLETED", "PENDING", False): 2}


async def test_an_archive_that_is_not_there(
    lifecycle_lake: Lake, replay: LifecycleReplay, database_url: str, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    """Another lake, or one whose archive was lost: the workflow stays archived, its name is said, others go on."""
    async with tracker_on(database_url, tmp_path / "elsewhere") as tracker:
        ended = await begun(tracker, 4)
        assert await tracker.cleanup_terminal_workflows(0) == 1
    append_rows(lifecycle_lake, [started(str(ended)), started(str(uuid4()))], name="one")
    brought = replay.refresh().brought
    assert (brought.workflows, brought.restored, brought.missing) == (1, 0, 1)
    assert str(ended) in caplog.text
    async with tracker_on(database_url, tmp_path) as tracker:
        with pytest.raises(NotInArchive, match=f"workflow {ended} was archived, but lake .* does not hold it; use"):
            await tracker.transition_state(ended, *RETRY)
    async with tracker_on(database_url, tmp_path / "elsewhere") as tracker:
        success, error = await tracker.transition_state(ended, *RETRY, ALL_FLAGS)
        assert (success, str(error)[:18]) == (False, "Invalid transition")


async def test_every_correlation_id_finds_its_workflow(
    lifecycle_lake: Lake, replay: LifecycleReplay, database_url: str, tmp_path: Path
) -> None:
    """Each that an event or a call ever had, in the database and in the archive; who asks is told where it lies."""
    async with tracker_on(database_url, tmp_path) as tracker:
        told, made = uuid4(), uuid4()
        long = "x" * 4_000
        rows = [
            started(str(told), at=DAY + "00", correlation_id="b"),
            *(stage(n, str(told), at=f"{DAY}0{n}", correlation_id=f"{n}") for n in (1, 2)),
            failed(str(told), at=DAY + "09", correlation_id="a"),
            completed(str(told), at=DAY + "20", attempt=2, correlation_id=long),
        ]
        append_rows(lifecycle_lake, rows, name="one")
        replay.refresh()
        await tracker.initialize_workflow(made, correlation_id="begun")
        await tracker.transition_state(made, "FAILED", "FAIL_WORKFLOW", correlation_id="failed")
        of = {"b": told, "1": told, "2": told, "a": told, long: told, "begun": made, "failed": made}
        for is_archived in (False, True):
            if is_archived:
                await tracker.cleanup_terminal_workflows(0)
                late = started(str(told), at=DAY + "00", correlation_id="late")
                append_rows(lifecycle_lake, [late], name="two")
                assert replay.refresh().brought.restored == 0
                of["late"] = told
            for correlation_id, workflow_id in of.items():
                (found,) = await tracker.find_workflows(correlation_id=correlation_id)
                assert (found.workflow_id, found.archived_at is not None) == (workflow_id, is_archived)
        assert [w.workflow_id for w in await tracker.find_workflows(correlation_id="a", state="COMPLETED")] == [told]
    command = CommandLine(tmp_path, {"OMNINODE_HOME": str(tmp_path), "OMNINODE_POSTGRES_URL": database_url})
    listed = command.run("workflow", "list", "--correlation-id", "begun", "--format", "json")
    assert f'"workflow_id": "{made}"' in listed.stdout
    assert "1 of 1 archived" in listed.stderr
    (row,) = command.rows("workflow", "history", str(made))
    assert (row["to_state"], row["correlation_id"]) == ("FAILED", "failed")


async def test_clean_up_beside_writers_and_replays(
    lifecycle_lake: Lake, replay: LifecycleReplay, database_url: str, tmp_path: Path, database: Connection
) -> None:
    """Workflows go and come while calls and events speak of them: nothing is lost, and nothing counted twice."""
    told, is_enough = Counter[bool](), asyncio.Event()
    async with tracker_on(database_url, tmp_path) as tracker, tracker_on(database_url, tmp_path) as cleaner:
        workflows = [await begun(tracker) for _ in range(8)]
        append_rows(lifecycle_lake, [failed(str(one), at=DAY + "00") for one in workflows], name="one")

        async def write(workflow_id: UUID) -> None:
            while not is_enough.is_set():
                for step in (FAIL, RETRY):
                    success, error = await tracker.transition_state(workflow_id, *step)
                    assert success or str(error).startswith("Invalid transition"), error
                    told[success] += 1
                    await asyncio.sleep(0.02)

        writers = asyncio.gather(*map(write, workflows))
        archived = 0
        while archived < 3 * len(workflows) and not writers.done():
            archived += await cleaner.cleanup_terminal_workflows(0)
            brought = (await asyncio.to_thread(replay.replay)).brought
            told += Counter({True: brought.transitions - brought.conflicts, False: brought.conflicts})
        is_enough.set()
        await writers
    made = counted(database)
    assert [sum(n for key, n in made.items() if key[2] is accepted) for accepted in (True, False)] == [
        told[True], told[False],
    ]  # fmt: skip
    assert LifecycleReports(database).broken_histories() == []
    lies = (
        "SELECT count(*), count(DISTINCT workflow_id) FROM (SELECT workflow_id FROM workflow_state_current UNION ALL "
    )
    assert database.execute(lies + "SELECT workflow_id FROM workflows_archived) AS w").fetchone() == (8, 8)
