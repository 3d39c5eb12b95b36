"""Ended workflows that are no longer in Postgres: they are in the lake, and come back from it whole."""

import json
import logging
from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any
from uuid import UUID

import polars as pl

from ingest.archives import append_once, read_archive
from ingest.lake import Lake
from ingest.schema import TIMESTAMP
from omninode.errors import OmninodeError
from sql.lifecycle_archive import ArchivedPlace, LifecycleArchive, Recall, Recalled
from sql.lifecycle_rows import ModelStateTransition, ModelWorkflowState

log = logging.getLogger(__name__)

HISTORY_TABLE = "workflow_state_history"
CURRENT_TABLE = "workflow_state_current"
#: So many workflows go in one commit of the lake and one transaction of the database.
BATCH = 20_000

#: Under which name rows were archived, and when. Of a workflow that was archived twice the latest rows count.
_ARCHIVING = {"archive_id": pl.String(), "archived_at": TIMESTAMP}
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
        **_ARCHIVING,
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
        "is_terminal": pl.Boolean(),
        "created_at": TIMESTAMP,
        "source": pl.String(),
        "event_digest": pl.Int64(),
        **_ARCHIVING,
    }
)


class NotInArchive(OmninodeError):
    """A workflow was archived, but not in this lake."""


def archive_terminal(store: LifecycleArchive, lake: Lake, before: datetime, *, batch: int = BATCH) -> int:
    """Move workflows that have been at their end since before then into the lake; return how many.

    The rows are in the lake before they are deleted. Whoever dies in between leaves them in both places: the next
    clean-up archives them under another name, and only those rows count.
    """
    archived = 0
    while True:
        with store.old_terminal(before, limit=batch) as (workflows, transitions):
            _append(lake, HISTORY_TABLE, transitions, HISTORY)
            _append(lake, CURRENT_TABLE, workflows, CURRENT)
            archived += len(workflows)
        if len(workflows) < batch:
            return archived


def archived_history(lake: Lake) -> pl.LazyFrame:
    """The transitions that were archived, see `HISTORY`, each once: of each workflow those that were archived last."""
    latest = archived_workflows(lake).select("workflow_id", "archive_id")
    return read_archive(lake, HISTORY_TABLE, HISTORY).join(latest, on=["workflow_id", "archive_id"], how="semi")


def archived_workflows(lake: Lake) -> pl.LazyFrame:
    """The workflows as they stood when they were archived last, see `CURRENT`."""
    kept = read_archive(lake, CURRENT_TABLE, CURRENT).sort("archived_at", maintain_order=True)
    return kept.unique("workflow_id", keep="last")


def look_up(
    store: LifecycleArchive, lake: Lake, workflow_id: UUID
) -> tuple[ModelWorkflowState, list[ModelStateTransition]] | None:
    """Read an archived workflow and its history where they lie; None if it is not archived. Raises `NotInArchive`."""
    places = store.places_of([workflow_id])
    if not places:
        return None
    found = recalled(lake, places)
    if found.workflows.is_empty():
        raise _not_in(lake, workflow_id)
    row = found.workflows.drop("event_digest").row(0, named=True)
    workflow = ModelWorkflowState(**_read(row), archived_at=places[0].archived_at)
    order = pl.col("transition_number").is_null()
    told = found.transitions.sort("transition_timestamp", order, "transition_number", "recorded_at", "transition_id")
    return workflow, [ModelStateTransition(**_read(row)) for row in told.iter_rows(named=True)]


def _read(row: dict[str, Any]) -> dict[str, Any]:
    ids = {name: UUID(row[name]) for name in ("workflow_id", "transition_id") if name in row}
    return row | ids | {"metadata": json.loads(row["metadata"])}


def _not_in(lake: Lake, workflow_id: UUID) -> NotInArchive:
    return NotInArchive(
        f"workflow {workflow_id} was archived, but lake {lake.url} does not hold it; use the lake into which it went, "
        f"or bring back its tables {CURRENT_TABLE} and {HISTORY_TABLE}"
    )


def restore(store: LifecycleArchive, lake: Lake, places: Sequence[ArchivedPlace]) -> int:
    """Bring archived workflows back; return how many. Raises `NotInArchive` if this lake does not hold one of them."""
    restored = store.restore([place.workflow_id for place in places], lambda asked: recalled(lake, asked))
    if restored.missing:
        raise _not_in(lake, restored.missing[0])
    return restored.workflows


def recall_from(lake: Lake) -> Recall:
    """Return what reads archived workflows of this lake; those that it lacks are named in the log."""

    def recall(places: Sequence[ArchivedPlace]) -> Recalled:
        found = recalled(lake, places)
        if found.workflows.height < len(places):
            known = set(found.workflows["workflow_id"])
            missing = [str(place.workflow_id) for place in places if str(place.workflow_id) not in known]
            log.warning(
                "%d archived workflows, %s for one, were not brought up to their events: lake %s does not hold them; "
                "bring back its tables %s and %s, then run `omninode workflow refresh --all`",
                len(missing), missing[0], lake.url, CURRENT_TABLE, HISTORY_TABLE,
            )  # fmt: skip
        return found

    return recall


def recalled(lake: Lake, places: Sequence[ArchivedPlace]) -> Recalled:
    """Read archived workflows with all their transitions; those that are not whole in the lake are left out."""
    wanted = pl.LazyFrame(
        [(str(place.workflow_id), str(place.archive_id)) for place in places],
        schema={"workflow_id": pl.String, "archive_id": pl.String},
        orient="row",
    )
    workflows, transitions = pl.collect_all(
        [
            read_archive(lake, name, schema).join(wanted, on=["workflow_id", "archive_id"], how="semi")
            for name, schema in ((CURRENT_TABLE, CURRENT), (HISTORY_TABLE, HISTORY))
        ]
    )
    made = transitions.group_by("workflow_id").agg(made=pl.col("accepted").sum().cast(pl.Int32))
    whole = workflows.join(made, on="workflow_id", how="left").filter(
        pl.col("transition_count") == pl.col("made").fill_null(0)
    )
    kept = transitions.join(whole, on="workflow_id", how="semi")
    # Files tell the columns in their own order; whoever writes workflows does so in the order of their ids.
    return Recalled(
        whole.select(name for name in CURRENT if name not in _ARCHIVING).sort("workflow_id"),
        kept.select(name for name in HISTORY if name not in _ARCHIVING),
    )


def _append(lake: Lake, name: str, rows: Sequence[Mapping[str, Any]], schema: pl.Schema) -> None:
    if rows:
        named = [{column: _plain(row[column]) for column in schema} for row in rows]
        frame = pl.DataFrame(named, schema=schema, orient="row")
        append_once(lake, name, frame, batch_id=f"omninode/archive/{name}/{rows[0]['archive_id']}")


def _plain(value: object) -> object:
    return value if value is None or isinstance(value, bool | int | float | str | datetime) else str(value)
