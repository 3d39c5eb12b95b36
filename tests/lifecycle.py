"""Trackers for tests: in memory and in Postgres, to be held to the same rules."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from uuid import UUID, uuid4

from omninode.settings import Settings
from pipelines import FSMConfiguration, FSMStateTracker

#: Metadata that satisfies every guard of the guide's machine.
ALL_FLAGS = dict.fromkeys(["has_requirements", "has_analysis_results", "has_generated_code", "validation_passed"], True)
#: The way of a workflow that succeeds: state and event.
HAPPY_PATH = [
    ("ANALYZING", "START_ANALYSIS"),
    ("GENERATING", "START_GENERATION"),
    ("VALIDATING", "START_VALIDATION"),
    ("COMPLETED", "COMPLETE_WORKFLOW"),
]


def settings_of(url: str, folder: Path) -> Settings:
    """Return settings for a database that runs, and a lake in a folder."""
    return Settings(home=folder, postgres_url=url, lake=str(folder / "lake"))


@asynccontextmanager
async def tracker_on(
    url: str | None, folder: Path, config: FSMConfiguration | None = None
) -> AsyncIterator[FSMStateTracker]:
    """Yield a tracker on this database, or in memory if there is none, and close it."""
    settings = None if url is None else settings_of(url, folder)
    tracker = FSMStateTracker(config, enable_postgres_persistence=url is not None, settings=settings)
    try:
        yield tracker
    finally:
        await tracker.close()


async def begun(tracker: FSMStateTracker, steps: int = 0) -> UUID:
    """Begin a workflow, and move it so many steps along the happy path."""
    workflow_id = uuid4()
    assert await tracker.initialize_workflow(workflow_id)
    for state, event in HAPPY_PATH[:steps]:
        assert await tracker.transition_state(workflow_id, state, event, ALL_FLAGS) == (True, None)
    return workflow_id


async def all_at_once(*moves: object) -> list[object]:
    """Await them at once."""
    return list(await asyncio.gather(*moves))  # type: ignore[call-overload]
