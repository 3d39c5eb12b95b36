"""What became of ended workflows that are no longer in Postgres: it is in the lake."""

import hashlib
from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any

import polars as pl

from ingest.archives import append_once, read_archive
from ingest.lake import Lake
from ingest.schema import TIMESTAMP
from sql.lifecycle_store import LifecycleStore

HISTORY_TABLE = "workflow_state_history"
CURRENT_TABLE = "workflow_state_current"
#: So many workflows go in one commit of the lake and one transaction of the database.
BATCH = 20_000

#: As in Postgres; ids and metadata as text.
HISTORY = pl.Schema(
    {
        "transition_id": pl.String(),
        "workflow_id": pl.String(),
        "from_state": pl.String(),
        "to_state": pl.String(),
        "event": pl.String(),
        "transition_timestamp": TIMESTAMP,
        "guard_conditions_met": pl.Boolean(),
        "reason": pl.String(),
        "metadata": pl.String(),
        "accepted": pl.Boolean(),
        "conflict": pl.Boolean(),
        "attempt": pl.Int32(),
        "transition_number": pl.Int32(),
        "from_state_seconds": pl.Float64(),
        "idempotency_key": pl.String(),
        "correlation_id": pl.String(),
        "source": pl.String(),
        "recorded_at": TIMESTAMP,
    }
)
CURRENT = pl.Schema(
    {
        "workflow_id": pl.String(),
        "current_state": pl.String(),
        "previous_state": pl.String(),
        "state_entry_time": TIMESTAMP,
        "transition_count": pl.Int32(),
        "metadata": pl.String(),
        "attempt": pl.Int32(),
        "correlation_id": pl.String(),
        "created_at": TIMESTAMP,
        "source": pl.String(),
    }
)


def archive_terminal(store: LifecycleStore, lake: Lake, before: datetime, *, batch: int = BATCH) -> int:
    """Move workflows that have been at their end since before then into the lake; return how many.

    The rows are in the lake before they are deleted. Whoever dies in between leaves them in both places: the next
    clean-up then writes no row again, since a batch of the same content has the same name.
    """
    archived = 0
    while True:
        with store.old_terminal(before, limit=batch) as (workflows, transitions):
            if workflows:
                _append(lake, HISTORY_TABLE, transitions, HISTORY)
                _append(lake, CURRENT_TABLE, workflows, CURRENT)
            archived += len(workflows)
        if len(workflows) < batch:
            return archived


def archived_history(lake: Lake) -> pl.LazyFrame:
    """The transitions that were archived, see `HISTORY`, each once."""
    return read_archive(lake, HISTORY_TABLE, HISTORY).unique("transition_id", keep="any")


def archived_workflows(lake: Lake) -> pl.LazyFrame:
    """The workflows as they stood when they were archived, see `CURRENT`; of copies the latest."""
    kept = read_archive(lake, CURRENT_TABLE, CURRENT).sort("transition_count", "state_entry_time")
    return kept.unique("workflow_id", keep="last")


def _append(lake: Lake, name: str, rows: Sequence[Mapping[str, Any]], schema: pl.Schema) -> None:
    if not rows:
        return
    named = [{column: _plain(row[column]) for column in schema} for row in rows]
    frame = pl.DataFrame(named, schema=schema, orient="row")
    digest = hashlib.sha256(frame.write_csv().encode()).hexdigest()
    append_once(lake, name, frame, batch_id=f"omninode/archive/{name}/{digest}")


def _plain(value: object) -> object:
    return value if value is None or isinstance(value, bool | int | float | str | datetime) else str(value)
