"""What people ask about all workflows together, by Python and by command, of a history whose times are known."""

import os
import signal
import subprocess
import sys
from datetime import UTC, datetime, timedelta
from pathlib import Path
from uuid import UUID, uuid4

import pytest

from ingest.lake import open_lake
from omninode.errors import BadInput
from pipelines import FSMStateTracker
from pipelines.lifecycle.archive import archive_terminal, archived_history, archived_workflows
from pipelines.lifecycle.states import EnumWorkflowState
from sql.connection import Connection
from sql.lifecycle_store import LifecycleStore
from tests.command import PATIENCE_SECONDS, ROOT, CommandLine
from tests.events import completed, started
from tests.lakes import append_rows
from tests.lifecycle import ALL_FLAGS, HAPPY_PATH, settings_of
from tests.typed import Typed

NOON = datetime(2025, 10, 24, 12, tzinfo=UTC)
HOUR = timedelta(hours=1)
FAIL, RETRY = ("FAILED", "FAIL_WORKFLOW"), ("PENDING", "RETRY_WORKFLOW")


class Clock:
    """A clock that stands until it is set."""

    def __init__(self) -> None:
        self.now = NOON

    def __call__(self) -> datetime:
        return self.now


async def walked(tracker: FSMStateTracker, clock: Clock, *steps: tuple[str, str]) -> UUID:
    """Begin a workflow at noon, and move it a step an hour."""
    workflow_id, clock.now = uuid4(), NOON
    await tracker.initialize_workflow(workflow_id)
    for state, event in steps:
        clock.now += HOUR
        assert await tracker.transition_state(workflow_id, state, event, ALL_FLAGS) == (True, None)
    return workflow_id


async def history_of_five(tracker: FSMStateTracker, clock: Clock) -> list[UUID]:
    """One succeeds at once, one at its second attempt, one fails for good, one was tried again, one never began."""
    return [
        await walked(tracker, clock, *HAPPY_PATH),
        await walked(tracker, clock, FAIL, RETRY, *HAPPY_PATH),
        await walked(tracker, clock, FAIL),
        await walked(tracker, clock, HAPPY_PATH[0], FAIL, RETRY),
        await walked(tracker, clock),
    ]


async def test_reports_tell_what_happened(database_url: str, tmp_path: Path) -> None:
    """States over time, stays, stuck workflows, attempts and refusals, as five known histories have them."""
    clock = Clock()
    settings = settings_of(database_url, tmp_path)
    async with FSMStateTracker(None, True, settings=settings, clock=clock) as tracker:
        _, _, _, again, idle = await history_of_five(tracker, clock)
        assert not (await tracker.transition_state(idle, *HAPPY_PATH[1]))[0]

        distribution = await tracker.get_state_distribution(NOON - HOUR, NOON + 2 * HOUR, HOUR)
        assert [(row["instant"], row["state"]) for row in distribution] == [
            (NOON + hours * HOUR, state.value) for hours in range(-1, 3) for state in EnumWorkflowState
        ]
        assert [row["workflows"] for row in distribution] == [
            *(0, 0, 0, 0, 0, 0),
            *(5, 0, 0, 0, 0, 0),
            *(1, 2, 0, 0, 0, 2),
            *(2, 0, 1, 0, 0, 2),
        ]
        stays = {row["state"]: (row["stays"], row["p50_seconds"]) for row in await tracker.get_time_in_state()}
        assert (stays["PENDING"], stays["FAILED"]) == ((5, 3600), (2, 3600))
        assert "COMPLETED" not in stays

        clock.now = NOON + 10 * HOUR
        stuck = await tracker.get_stuck_workflows(longer_than=8 * HOUR)
        assert [(row["workflow_id"], row["seconds_in_state"], row["limit_by"]) for row in stuck] == [
            (idle, 36_000, "given")
        ]
        stuck = await tracker.get_stuck_workflows(longer_than=HOUR, state="PENDING")
        assert [row["workflow_id"] for row in stuck] == [idle, again]
        # A state that was left five times has no p99 that means anything, and nobody is there for a day.
        assert await tracker.get_stuck_workflows() == []

        counts = {"workflows": 5, "ended": 4, "succeeded": 1, "failed": 3, "open": 1}
        again_counts = {"workflows": 2, "ended": 1, "succeeded": 1, "failed": 0, "open": 1}
        assert await tracker.get_retry_outcomes() == [
            {"attempt": 1, **counts, "success_rate": 0.25},
            {"attempt": 2, **again_counts, "success_rate": 1.0},
        ]
        (refused,) = await tracker.get_rejected_transitions()
        assert (refused["from_state"], refused["to_state"], refused["refused"]) == ("PENDING", "GENERATING", 1)
        assert refused["last_workflow_id"] == idle


async def test_in_memory_there_are_no_reports() -> None:
    """Who asks is told what to do."""
    with pytest.raises(BadInput, match="enable_postgres_persistence=True"):
        await FSMStateTracker().get_time_in_state()


async def test_the_commands_tell_the_same(database_url: str, tmp_path: Path, typed: Typed) -> None:
    """`distribution`, `retries`, `refresh` and `cleanup`, as somebody types them."""
    clock, settings = Clock(), settings_of(database_url, tmp_path)
    async with FSMStateTracker(None, True, settings=settings, clock=clock) as tracker:
        await history_of_five(tracker, clock)
        retries = await tracker.get_retry_outcomes()
    span = ("--start", "2025-10-24T12:00:00Z", "--end", "2025-10-24T13:00:00Z", "--every", "1h")
    rows = typed.rows("workflow", "distribution", *span)
    assert [(row["instant"][11:16], row["state"], row["workflows"]) for row in rows if row["workflows"]] == [
        ("12:00", "PENDING", 5),
        ("13:00", "PENDING", 1),
        ("13:00", "ANALYZING", 2),
        ("13:00", "FAILED", 2),
    ]
    assert typed.rows("workflow", "retries") == retries
    refused = CommandLine(tmp_path, {"OMNINODE_HOME": str(tmp_path)}).run("workflow", "distribution", "--every", "0h")
    assert (refused.returncode, refused.stderr.count("\n")) == (2, 1), refused.stderr

    lake = open_lake(settings.lake)
    append_rows(lake, [started(str(uuid4())), completed(str(uuid4()))], name="one")
    assert typed.rows("workflow", "refresh")[0]["looked_at"] == 2
    assert typed.rows("workflow", "refresh", "--all")[0]["transitions"] == 0

    # Three of the five have ended, and one of those that came as events.
    assert typed.rows("workflow", "cleanup", "--older-than", "1h") == [{"archived": 4}]
    assert typed.rows("workflow", "cleanup", "--older-than", "1h") == [{"archived": 0}]
    assert archived_workflows(lake).collect().height == 4
    assert len(typed.rows("workflow", "list")) == 3


#: Moves ended workflows into the lake, and is killed when they are there and not yet deleted.
_KILLED = """
import os, signal, sys
from contextlib import contextmanager
from datetime import UTC, datetime
from ingest.lake import open_lake
from pipelines.lifecycle.states import EnumWorkflowState
from pipelines.lifecycle.archive import archive_terminal
from sql.connection import connect
from sql.lifecycle_store import LifecycleStore

class Killed(LifecycleStore):
    @contextmanager
    def old_terminal(self, before, *, limit):
        with super().old_terminal(before, limit=limit) as found:
            yield found
            os.kill(os.getpid(), signal.SIGKILL)

with connect(sys.argv[1]) as connection:
    archive_terminal(Killed(connection), open_lake(sys.argv[2]), datetime.now(UTC))
"""


async def test_killed_between_archive_and_delete(database_url: str, database: Connection, tmp_path: Path) -> None:
    """Nothing is lost, and after the next clean-up everything is archived once."""
    clock, settings = Clock(), settings_of(database_url, tmp_path)
    async with FSMStateTracker(None, True, settings=settings, clock=clock) as tracker:
        workflows = await history_of_five(tracker, clock)
    assert _run_killed(database_url, settings.lake) == -signal.SIGKILL
    store, lake = LifecycleStore(database), open_lake(settings.lake)
    ended = {str(workflow_id) for workflow_id in workflows[:3]}
    assert set(archived_workflows(lake).collect()["workflow_id"]) == ended
    assert len(store.list_workflows()) == 5

    assert archive_terminal(store, lake, datetime.now(UTC)) == 3
    assert sorted(archived_workflows(lake).collect()["workflow_id"]) == sorted(ended)
    assert not archived_history(lake).collect()["transition_id"].is_duplicated().any()
    assert {workflow.workflow_id for workflow in store.list_workflows()} == set(workflows[3:])


def _run_killed(url: str, lake: str) -> int:
    command = [sys.executable, "-c", _KILLED, url, lake]
    environment = {**os.environ, "PYTHONPATH": str(ROOT)}
    return subprocess.run(command, env=environment, timeout=PATIENCE_SECONDS, check=False).returncode
