# mypy: disable-error-code="arg-type,union-attr"
"""The guide's second snippet as it stands there but for its import line, and the commands that show what it did."""

import asyncio
from pathlib import Path
from uuid import UUID, uuid4

import pytest

from ingest.lake import open_lake
from pipelines import EnumTransitionEvent, EnumWorkflowState, FSMStateTracker
from pipelines.lifecycle.archive import archived_history, archived_workflows
from tests.command import CommandLine
from tests.lifecycle import ALL_FLAGS, begun, tracker_on
from tests.postgres import state_folder


async def snippet(workflow_id: UUID) -> FSMStateTracker:
    """Run the snippet; its `workflow_id = uuid4()` is the caller's."""
    # fmt: off
    tracker = FSMStateTracker(enable_postgres_persistence=True)

    # Initialize workflow
    await tracker.initialize_workflow(
        workflow_id=workflow_id,
        initial_state=EnumWorkflowState.PENDING,
        metadata={"node_type": "effect", "domain": "api"},
    )

    # Transition to analyzing
    success, error = await tracker.transition_state(
        workflow_id=workflow_id,
        to_state=EnumWorkflowState.ANALYZING,
        event=EnumTransitionEvent.START_ANALYSIS,
        metadata={"has_requirements": True},
    )

    if not success:
        print(f"Transition failed: {error}")

    # Get current state
    workflow = await tracker.get_workflow_state(workflow_id)
    print(f"Current state: {workflow.current_state}")
    print(f"Transition count: {workflow.transition_count}")

    # Get transition history
    history = await tracker.get_transition_history(workflow_id)
    for transition in history:
        print(f"{transition.from_state} → {transition.to_state} ({transition.event})")
    # fmt: on
    return tracker


EXPECTED = "Current state: ANALYZING\nTransition count: 1\nPENDING → ANALYZING (START_ANALYSIS)\n"


async def run(workflow_id: UUID) -> None:
    """Run the snippet, and close its tracker."""
    await (await snippet(workflow_id)).close()


def test_it_runs_with_nothing_configured(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    """It starts a database of its own, stops it, and finds the workflow again in the next process."""
    workflow_id = uuid4()
    with state_folder() as home:
        monkeypatch.chdir(home)
        monkeypatch.delenv("OMNINODE_POSTGRES_URL", raising=False)
        monkeypatch.setenv("OMNINODE_HOME", str(home))
        asyncio.run(run(workflow_id))
        assert capsys.readouterr().out == EXPECTED
        command = CommandLine(home, {"OMNINODE_HOME": str(home)})
        (shown,) = command.rows("workflow", "show", str(workflow_id))
        assert shown["current_state"] == "ANALYZING"


def test_guides_snippet_runs(
    database_url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """It prints what it promises, and the commands show the same, in every format."""
    variables = {"OMNINODE_HOME": str(tmp_path), "OMNINODE_POSTGRES_URL": database_url}
    for name, value in variables.items():
        monkeypatch.setenv(name, value)
    workflow_id = uuid4()
    asyncio.run(run(workflow_id))
    assert capsys.readouterr().out == EXPECTED
    command = CommandLine(tmp_path, variables)
    (shown,) = command.rows("workflow", "show", str(workflow_id))
    assert (shown["current_state"], shown["metadata"]["domain"]) == ("ANALYZING", "api")
    (made,) = command.rows("workflow", "history", str(workflow_id))
    assert (made["event"], made["accepted"]) == ("START_ANALYSIS", True)
    assert [row["workflow_id"] for row in command.rows("workflow", "list", "--state", "analyzing")] == [
        str(workflow_id)
    ]
    csv = command.done("workflow", "history", str(workflow_id), "--format", "csv")
    assert csv.splitlines()[0].startswith("transition_id,workflow_id,from_state,to_state,event")
    for arguments, code, told in (
        (("show", str(uuid4())), 1, "no workflow"),
        (("history", "x"), 2, "workflow_id: 'x' is no UUID"),
        (("list", "--state", "LOST"), 2, "--state: 'LOST' is no state; there are: PENDING"),
        (("list", "--longer-than", "1h"), 2, "--longer-than goes with --stuck"),
    ):
        refused = command.run("workflow", *arguments)
        assert (refused.returncode, refused.stderr.count("\n")) == (code, 1)
        assert told in refused.stderr


async def test_what_is_cleaned_up_is_in_the_lake(database_url: str, tmp_path: Path) -> None:
    """Ended workflows are archived whole, once."""
    async with tracker_on(database_url, tmp_path) as tracker:
        ended, _ = await begun(tracker, 4), await begun(tracker, 1)
        await tracker.transition_state(ended, "PENDING", "RETRY_WORKFLOW", ALL_FLAGS, correlation_id="c")
        kept = await tracker.get_transition_history(ended, include_rejected=True)
        assert await tracker.cleanup_terminal_workflows(0) == 1
        assert await tracker.cleanup_terminal_workflows(0) == 0
    lake = open_lake(str(tmp_path / "lake"))
    archived = archived_history(lake).collect()
    assert sorted(archived["transition_id"]) == sorted(str(t.transition_id) for t in kept)
    assert archived.filter(~archived["accepted"])["correlation_id"].to_list() == ["c"]
    assert archived_workflows(lake).collect()["workflow_id"].to_list() == [str(ended)]
