"""What events say of workflows, brought into the lifecycle tables."""

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import date
from typing import Any, Protocol
from uuid import UUID

import polars as pl
from psycopg.rows import dict_row

from sql.connection import Connection
from sql.lifecycle_archive import Recall, restore_locked
from sql.lifecycle_rows import Command
from sql.lifecycle_store import apply_in_order
from sql.lifecycle_tables import LifecycleTables, copy_rows
from sql.queries import query


class Told(Protocol):
    """What events say: the frames of `pipelines.lifecycle.schema`, their columns in its order."""

    @property
    def workflows(self) -> pl.DataFrame:
        """Where each workflow stands."""

    @property
    def transitions(self) -> pl.DataFrame:
        """All transitions of these workflows."""

    @property
    def correlations(self) -> pl.DataFrame:
        """Every correlation id of these workflows, once."""


#: What one row of `read_shared_workflows` means as a command.
AsCommand = Callable[[dict[str, Any]], Command]


@dataclass(frozen=True, slots=True)
class Brought:
    """What became of the transitions that events told."""

    #: Workflows that were new, or stand elsewhere than before.
    workflows: int = 0
    #: Transitions that were new, or are told otherwise than before.
    transitions: int = 0
    #: Transitions of workflows that the API has moved, too: judged by the rules, one by one.
    judged: int = 0
    #: Of these, the ones that contradict what the API did.
    conflicts: int = 0
    #: Archived workflows that came back, since events say something new of them.
    restored: int = 0
    #: Those that should have come back, but the archive does not have them.
    missing: int = 0

    def __add__(self, other: "Brought") -> "Brought":
        """Return both together."""
        return Brought(
            self.workflows + other.workflows,
            self.transitions + other.transitions,
            self.judged + other.judged,
            self.conflicts + other.conflicts,
            self.restored + other.restored,
            self.missing + other.missing,
        )


class LifecycleEvents(LifecycleTables):
    """Takes whole histories as events tell them. Any number of times, in any order of batches: the result is one."""

    @contextmanager
    def turn(self) -> Iterator[None]:
        """Wait until nobody else brings events in, and keep others waiting."""
        with self._connection() as connection:
            connection.execute(query("take_lifecycle_turn"))
            try:
                yield
            finally:
                if not connection.closed:
                    connection.execute(query("release_lifecycle_turn"))

    def days_of(self, workflow_ids: Sequence[str]) -> list[date]:
        """Return the days (UTC) on which events are known to have moved these workflows."""
        with self._connection() as connection:
            rows = connection.execute(query("days_of_workflows"), {"workflow_ids": list(workflow_ids)}, prepare=False)
            return [row[0] for row in rows]

    def bring(self, told: Told, as_command: AsCommand, recall: Recall) -> Brought:
        """Bring in workflows with all their transitions, in one transaction.

        Where only events have moved a workflow, the new history takes the place of the old one. Where the API has moved
        it, too, what is not there yet is judged by the rules, and kept as a conflict if they refuse it. An archived
        workflow stays so if events say of it what they said then; else it comes back first.
        """
        with self._connection() as connection, connection.transaction():
            connection.execute(query("create_incoming_transitions"), prepare=False)
            copy_rows(connection, query("copy_incoming_workflows"), told.workflows)
            copy_rows(connection, query("copy_incoming_transitions"), told.transitions)
            copy_rows(connection, query("copy_incoming_correlations"), told.correlations)
            restored = restore_locked(connection, query("lock_archived_incoming"), recall)
            left = connection.execute(query("leave_archived_incoming"), prepare=False).rowcount
            new = _brought(connection, query("insert_event_workflows"))
            if new.workflows + left < told.workflows.height:
                ours = [row[0] for row in connection.execute(query("lock_incoming_workflows"), prepare=False)]
                new += _brought(connection, query("update_event_workflows"), ours)
                new += _judged(connection, ours, as_command)
                connection.execute(query("note_event_digests"), prepare=False)
            connection.execute(query("add_event_correlations"), prepare=False)
            connection.execute(query("drop_incoming_transitions"), prepare=False)
            return new + Brought(restored=restored.workflows, missing=len(restored.missing))


def _brought(connection: Connection, statement: str, workflow_ids: Sequence[UUID] = ()) -> Brought:
    row = connection.execute(statement, {"workflow_ids": list(workflow_ids)}, prepare=False).fetchone()
    assert row is not None
    return Brought(workflows=row[0], transitions=row[1])


def _judged(connection: Connection, ours: Sequence[UUID], as_command: AsCommand) -> Brought:
    with connection.cursor(row_factory=dict_row) as cursor:
        rows = cursor.execute(query("read_shared_workflows"), {"workflow_ids": list(ours)}, prepare=False).fetchall()
    commands = [as_command(row) for row in rows]
    told = list(zip(commands, apply_in_order(connection, commands, "event"), strict=True))
    fresh = [(command, outcome) for command, outcome in told if not outcome.repeated]
    moved = {command.workflow_id for command, outcome in fresh if outcome.accepted}
    return Brought(len(moved), len(fresh), len(told), sum(not outcome.accepted for _, outcome in fresh))
