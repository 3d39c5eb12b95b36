"""What goes from the lifecycle tables into an archive elsewhere, and comes back when somebody speaks of it again."""

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from datetime import datetime
from typing import Any, NamedTuple
from uuid import UUID

import polars as pl
from psycopg.rows import dict_row

from sql.connection import Connection
from sql.lifecycle_tables import LifecycleTables, copy_rows
from sql.queries import query

Rows = list[dict[str, Any]]


class ArchivedPlace(NamedTuple):
    """Where the latest rows of an archived workflow are."""

    workflow_id: UUID
    archive_id: UUID
    archived_at: datetime


class Recalled(NamedTuple):
    """Workflows with all their transitions, in the columns and the order of the copy_archived statements."""

    workflows: pl.DataFrame
    transitions: pl.DataFrame


#: Reads archived workflows; those that it does not find are left out.
Recall = Callable[[Sequence[ArchivedPlace]], Recalled]


class Restored(NamedTuple):
    """What became of archived workflows that were to come back."""

    workflows: int = 0
    #: Those that the archive does not have: they stay archived.
    missing: tuple[UUID, ...] = ()


class LifecycleArchive(LifecycleTables):
    """Moves ended workflows out of the tables and back. Each is whole in one place: here or in the archive."""

    @contextmanager
    def old_terminal(self, before: datetime, *, limit: int) -> Iterator[tuple[Rows, Rows]]:
        """Yield (workflows, transitions) that have been at their end since before then, and delete them afterwards.

        They are locked meanwhile; if the block raises, they stay. Each row tells the archive_id and archived_at under
        which it will be known.
        """
        with self._connection() as connection, connection.transaction():
            cursor = connection.cursor(row_factory=dict_row)
            place = cursor.execute(query("take_archive_turn"), prepare=False).fetchone() or {}
            asked = {"before": before, "limit": limit}
            workflows = cursor.execute(query("lock_old_terminal_workflows"), asked, prepare=False).fetchall()
            ids = {"workflow_ids": [row["workflow_id"] for row in workflows]}
            transitions = cursor.execute(query("read_histories"), ids, prepare=False).fetchall()
            yield [row | place for row in workflows], [row | place for row in transitions]
            if workflows:
                cursor.execute(query("delete_archived_workflows"), ids | place, prepare=False)

    def places_of(self, workflow_ids: Sequence[UUID]) -> list[ArchivedPlace]:
        """Return where those of these workflows are that were archived."""
        with self._connection() as connection:
            rows = connection.execute(query("find_archived_workflows"), {"workflow_ids": list(workflow_ids)}).fetchall()
        return [ArchivedPlace(*row) for row in rows]

    def restore(self, workflow_ids: Sequence[UUID], recall: Recall) -> Restored:
        """Bring those of these workflows back that are archived."""
        with self._connection() as connection, connection.transaction():
            return restore_locked(
                connection, query("lock_archived_workflows"), recall, {"workflow_ids": list(workflow_ids)}
            )


def restore_locked(connection: Connection, lock: str, recall: Recall, asked: dict[str, Any] | None = None) -> Restored:
    """Bring back the workflows whose places a statement returns and locks."""
    places = [ArchivedPlace(*row) for row in connection.execute(lock, asked or {}, prepare=False)]
    if not places:
        return Restored()
    recalled = recall(places)
    copy_rows(connection, query("copy_archived_workflows"), recalled.workflows)
    copy_rows(connection, query("copy_archived_transitions"), recalled.transitions)
    found = [UUID(workflow_id) for workflow_id in recalled.workflows["workflow_id"]]
    connection.execute(query("forget_archived_workflows"), {"workflow_ids": found}, prepare=False)
    known = set(found)
    return Restored(len(found), tuple(place.workflow_id for place in places if place.workflow_id not in known))


__all__ = ["ArchivedPlace", "LifecycleArchive", "Recall", "Recalled", "Restored", "restore_locked"]
