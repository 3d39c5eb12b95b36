"""What events say of workflows, brought into the lifecycle tables."""

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import date
from typing import Any
from uuid import UUID

import polars as pl
from psycopg.rows import dict_row

from sql.connection import Connection
from sql.lifecycle_rows import Command
from sql.lifecycle_store import apply_in_order
from sql.lifecycle_tables import LifecycleTables
from sql.queries import query

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

    def __add__(self, other: "Brought") -> "Brought":
        """Return both together."""
        return Brought(
            self.workflows + other.workflows,
            self.transitions + other.transitions,
            self.judged + other.judged,
            self.conflicts + other.conflicts,
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

    def bring(self, workflows: pl.DataFrame, transitions: pl.DataFrame, as_command: AsCommand) -> Brought:
        """Bring in workflows with all their transitions, in one transaction.

        The frames have the columns of `pipelines.lifecycle.schema`, in that order. Where only events have spoken of a
        workflow, the new history takes the place of the old one. Where the API has moved it, too, what is not there
        yet is judged by the rules, and kept as a conflict if they refuse it.
        """
        with self._connection() as connection, connection.transaction():
            connection.execute(query("create_incoming_transitions"), prepare=False)
            _copy(connection, query("copy_incoming_workflows"), workflows)
            _copy(connection, query("copy_incoming_transitions"), transitions)
            new = _brought(connection, query("insert_event_workflows"))
            if new.workflows < workflows.height:
                ours = [row[0] for row in connection.execute(query("lock_incoming_workflows"), prepare=False)]
                new += _brought(connection, query("update_event_workflows"), ours)
                new += _judged(connection, ours, as_command)
            connection.execute(query("drop_incoming_transitions"), prepare=False)
            return new


def _copy(connection: Connection, statement: str, rows: pl.DataFrame) -> None:
    with connection.cursor().copy(statement) as copy:
        copy.write(rows.write_csv(include_header=False, datetime_format="%Y-%m-%dT%H:%M:%S%.6fZ").encode())


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
