"""Events of a lake in the lifecycle tables: the parts that tests of it share."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from ingest.lake import Lake, open_lake
from pipelines.lifecycle.replay import LifecycleReplay
from sql.connection import Connection, Pool, open_pool
from sql.lifecycle_events import LifecycleEvents

DAY = "2025-10-24T12:"


@pytest.fixture
def lifecycle_pool(database_url: str) -> Iterator[Pool]:
    """A pool of connections to an empty database."""
    with open_pool(database_url, max_size=3) as found:
        yield found


@pytest.fixture
def lifecycle_lake(tmp_path: Path) -> Lake:
    """An empty lake, the one of `tests.lifecycle.settings_of` in the test's folder."""
    return open_lake(str(tmp_path / "lake"))


@pytest.fixture
def replay(lifecycle_lake: Lake, lifecycle_pool: Pool) -> LifecycleReplay:
    """Brings the lake's events into the database."""
    return LifecycleReplay(lifecycle_lake, LifecycleEvents(lifecycle_pool))


def tables(database: Connection) -> tuple[list[Any], list[Any]]:
    """Everything in both tables but when it was written."""
    current = database.execute("SELECT to_jsonb(c) FROM workflow_state_current AS c ORDER BY workflow_id").fetchall()
    history = database.execute(
        "SELECT to_jsonb(h) - 'recorded_at' FROM workflow_state_history AS h ORDER BY transition_id"
    ).fetchall()
    return current, history


__all__ = ["DAY", "lifecycle_lake", "lifecycle_pool", "replay", "tables"]
