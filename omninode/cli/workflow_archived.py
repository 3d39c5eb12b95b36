"""Archived workflows, as `omninode workflow` shows them."""

import sys
from collections.abc import Mapping, Sequence
from typing import Any
from uuid import UUID

from ingest.lake import open_lake
from omninode.cli.door import read_settings
from pipelines.lifecycle.archive import look_up
from sql.lifecycle_rows import ModelStateTransition, ModelWorkflowState
from sql.lifecycle_store import LifecycleStore


def found_anywhere(
    store: LifecycleStore, workflow_id: UUID
) -> tuple[ModelWorkflowState, list[ModelStateTransition]] | None:
    """Return a workflow and its history from the database or, if it was archived, from the lake; None: unknown."""
    found = store.get(workflow_id)
    if found is not None:
        return found, store.history(workflow_id)
    settings = read_settings()
    archived = look_up(store, open_lake(settings.lake, settings.lake_options), workflow_id)
    say_if_archived([] if archived is None else [{"archived_at": archived[0].archived_at}])
    return archived


def say_if_archived(rows: Sequence[Mapping[str, Any]]) -> None:
    """Say which of the rows lie in the lake."""
    times = [row["archived_at"] for row in rows if row.get("archived_at") is not None]
    if times:
        sys.stderr.write(
            f"omninode: {len(times)} of {len(rows)} archived, the latest on {max(times):%Y-%m-%d %H:%M} (UTC): in the "
            "lake's tables workflow_state_current and workflow_state_history\n"
        )
