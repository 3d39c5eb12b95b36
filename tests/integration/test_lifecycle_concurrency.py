"""Many at once: nothing lost, nothing illegal, and a server that goes away in the middle."""

import asyncio
from pathlib import Path
from uuid import UUID, uuid4

import pytest

from pipelines import FSMStateTracker, Transition
from sql.connection import Connection, connect
from sql.errors import ConnectionLost, DatabaseError
from tests.lifecycle import ALL_FLAGS, HAPPY_PATH, begun, tracker_on
from tests.lifecycle_sound import assert_sound
from tests.lifecycle_writers import Storm, rage


def test_sixty_four_writers_on_ten_thousand_workflows(database_url: str, tmp_path: Path) -> None:
    """A tracker in each of four processes of sixteen threads, keys used twice, single moves and bulks.

    Every answer is true, and so are the metrics meanwhile.
    """
    storm = Storm(workflows=10_000, moves=100, seed=5)
    told, samples = rage(storm, database_url, tmp_path, pause=0.05)
    assert told.total().total() > 4_000
    assert_sound(database_url, told, samples, workflows=10_000)


def test_sixty_four_writers_on_few_workflows(database_url: str, tmp_path: Path) -> None:
    """All of them want the same fifty: they wait for each other, and never for good."""
    told, samples = rage(Storm(workflows=50, moves=60, seed=6), database_url, tmp_path, pause=0.02)
    assert min(told.total()[True], told.total()[False], told.repeated) > 100
    assert_sound(database_url, told, samples, workflows=50)


async def test_one_of_many_wins(database_url: str, tmp_path: Path) -> None:
    """Of many trackers that make the same transition at once exactly one is told that it did."""
    async with tracker_on(database_url, tmp_path) as first, tracker_on(database_url, tmp_path) as second:
        workflow_id: UUID = await begun(first)

        def move(tracker: FSMStateTracker) -> "asyncio.Task[tuple[bool, str | None]]":
            return asyncio.ensure_future(
                tracker.transition_state(workflow_id, "ANALYZING", "START_ANALYSIS", ALL_FLAGS)
            )

        answers = await asyncio.gather(*(move(tracker) for tracker in (first, second) for _ in range(20)))
        assert sum(success for success, _ in answers) == 1
        history = await first.get_transition_history(workflow_id, include_rejected=True)
        assert [len(history), sum(t.accepted for t in history)] == [40, 1]


async def test_bulk_calls_for_the_same_workflows(database_url: str, database: Connection, tmp_path: Path) -> None:
    """In whatever order each names them, they do not wait for each other for good.

    The plan is made while the history is empty, and known to be so: even then it must not be one that reads it all.
    """
    workflows = [uuid4() for _ in range(1_500)]
    database.execute("VACUUM workflow_state_history, workflow_state_current")
    async with tracker_on(database_url, tmp_path) as first, tracker_on(database_url, tmp_path) as second:
        await first.initialize_many(workflows)
        for step in HAPPY_PATH[:2]:
            calls = [
                tracker.transition_many([Transition(one, *step, ALL_FLAGS) for one in asked])
                for tracker, asked in ((first, workflows), (second, workflows[::-1]))
            ]
            answers = [success for call in await asyncio.gather(*calls) for success, _ in call]
            assert (len(answers), sum(answers)) == (3_000, 1_500)
    # The two have gone, and told what they read. Without a key there is nothing to look up.
    read = "SELECT idx_tup_read FROM pg_stat_user_indexes WHERE indexrelname = 'workflow_state_history_pkey'"
    assert database.execute(read).fetchone() == (0,)


async def test_a_lost_connection_is_said_and_mended(database_url: str, tmp_path: Path) -> None:
    """The call in the middle fails with one line; the next one works, and a key makes it safe to ask again."""
    async with tracker_on(database_url, tmp_path) as tracker:
        workflow_id = await begun(tracker)
        await tracker.transition_state(workflow_id, "ANALYZING", "START_GENERATION")
        with connect(database_url) as other:
            other.execute(
                "SELECT pg_terminate_backend(pid, 60000) FROM pg_stat_activity "
                "WHERE datname = current_database() AND pid <> pg_backend_pid()"
            )
        with pytest.raises(ConnectionLost, match="The database did not finish"):
            await tracker.transition_state(workflow_id, "ANALYZING", "START_ANALYSIS", ALL_FLAGS, idempotency_key="k")
        for _ in range(2):
            answer = await tracker.transition_state(
                workflow_id, "ANALYZING", "START_ANALYSIS", ALL_FLAGS, idempotency_key="k"
            )
            assert answer == (True, None)
        workflow = await tracker.get_workflow_state(workflow_id)
        assert workflow is not None
        assert workflow.transition_count == 1


async def test_a_database_that_is_not_there(tmp_path: Path) -> None:
    """It is named, and nothing hangs."""
    async with tracker_on("postgresql://nobody@127.0.0.1:1/nothing", tmp_path) as tracker:
        with pytest.raises(DatabaseError, match=r"Cannot connect to PostgreSQL at 127\.0\.0\.1:1"):
            await tracker.initialize_workflow(uuid4())
