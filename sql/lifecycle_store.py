"""The lifecycle of workflows in PostgreSQL: where each stands, and how it got there."""

from collections.abc import Iterable, Sequence
from contextlib import nullcontext
from typing import Any, NamedTuple, TypeAlias
from uuid import UUID

from psycopg import Cursor as DriverCursor
from psycopg.rows import class_row

from sql.connection import Connection
from sql.lifecycle_archive import LifecycleArchive
from sql.lifecycle_arguments import beginnings, many, one
from sql.lifecycle_rows import (
    Command,
    ModelStateTransition,
    ModelWorkflowState,
    NewWorkflow,
    Outcome,
    in_waves,
    other_use_of_key,
    unknown_workflow,
)
from sql.queries import query

Cursor: TypeAlias = DriverCursor[tuple[Any, ...]]

#: What make_transitions would say of a workflow that it does not find.
_NOT_THERE = (False, None, None, None, False, True)


class LifecycleStore(LifecycleArchive):
    """Begins workflows, moves them, looks them up, and archives them."""

    def begin(self, workflows: Sequence[NewWorkflow]) -> list[bool]:
        """Begin workflows, and tell of each whether it is new. Of two of one id the first counts."""
        with self._connection() as connection:
            rows = connection.execute(query("begin_workflows"), beginnings(workflows)).fetchall()
        new = {row[0] for row in rows}
        first = {workflow.workflow_id: place for place, workflow in reversed(list(enumerate(workflows)))}
        return [
            workflow.workflow_id in new and first[workflow.workflow_id] == place
            for place, workflow in enumerate(workflows)
        ]

    def apply(self, commands: Sequence[Command], *, source: str = "api") -> list[Outcome]:
        """Make transitions, all that can be made, in the order given; one transaction, one round trip for each wave.

        Commands for different workflows go together; a second one for the same workflow waits for the next wave.
        """
        if len(commands) == 1 and source == "api":
            return [self._apply_one(commands[0])]
        is_one = len({command.workflow_id for command in commands}) == len(commands)
        # One statement alone is a transaction already: a block around it costs two more round trips.
        with self._connection() as connection, nullcontext() if is_one else connection.transaction():
            return apply_in_order(connection, commands, source)

    def apply_parts(self, parts: Iterable[Sequence[Command]]) -> list[Outcome]:
        """Make transitions in one transaction, and return what became of each; the server makes one part while the next
        is prepared here.

        No part may have a workflow that comes, by its id, before one of the part before it: parts of two callers would
        wait for each other.
        """
        with self._connection() as connection, connection.pipeline(), connection.transaction():
            asked = [_asked(connection, part, "api") for part in parts]
            return [outcome for waves in asked for outcome in _answered(waves)]

    def _apply_one(self, command: Command) -> Outcome:
        with self._connection() as connection:
            row = connection.execute(query("make_transition"), one(command), prepare=True).fetchone()
        assert row is not None
        return outcome_of(command, row)

    def get(self, workflow_id: UUID) -> ModelWorkflowState | None:
        """Return where a workflow stands, or None if there is no such workflow."""
        with self._connection() as connection, connection.cursor(row_factory=class_row(ModelWorkflowState)) as cursor:
            return cursor.execute(query("get_workflow"), {"workflow_id": workflow_id}, prepare=True).fetchone()

    def history(self, workflow_id: UUID) -> list[ModelStateTransition]:
        """Return every transition of a workflow, the refused ones as well, oldest first."""
        with self._connection() as connection, connection.cursor(row_factory=class_row(ModelStateTransition)) as cursor:
            return cursor.execute(query("get_workflow_history"), {"workflow_id": workflow_id}).fetchall()

    def list_workflows(
        self,
        *,
        state: str | None = None,
        correlation_id: str | None = None,
        is_active: bool = False,
        limit: int | None = None,
    ) -> list[ModelWorkflowState]:
        """Return workflows, the longest in their state first. None: not asked for; no limit.

        By a correlation id that they ever had the archived ones are found, too.
        """
        asked = {"state": state, "correlation_id": correlation_id, "is_active": is_active, "limit": limit}
        statement = query("list_workflows") if correlation_id is None else query("list_correlated_workflows")
        with self._connection() as connection, connection.cursor(row_factory=class_row(ModelWorkflowState)) as cursor:
            return cursor.execute(statement, asked, prepare=False).fetchall()


class _Wave(NamedTuple):
    """Commands of different workflows, by their places among all that are asked for, and the statement about them."""

    commands: dict[int, Command]
    cursor: Cursor


def apply_in_order(connection: Connection, commands: Sequence[Command], source: str) -> list[Outcome]:
    """Make transitions, one statement for each wave; the outcomes stand in the order of the commands."""
    return _answered(_asked(connection, commands, source))


def _asked(connection: Connection, commands: Sequence[Command], source: str) -> list[_Wave]:
    waves = [{place: commands[place] for place in wave} for wave in in_waves(commands)]
    statement = query("make_transitions")
    return [_Wave(wave, connection.execute(statement, many([*wave.values()], source), prepare=True)) for wave in waves]


def _answered(waves: Sequence[_Wave]) -> list[Outcome]:
    outcomes: dict[int, Outcome] = {}
    for wave in waves:
        found = {row[0]: row[1:] for row in wave.cursor.fetchall()}
        for number, (place, command) in enumerate(wave.commands.items(), 1):
            outcomes[place] = outcome_of(command, found.get(number, _NOT_THERE))
    return [outcomes[place] for place in range(len(outcomes))]


def outcome_of(command: Command, row: tuple[Any, ...]) -> Outcome:
    """Return what a row of make_workflow_transition says."""
    accepted, reason, from_state, attempt, repeated, is_same = row
    if from_state is None:
        return Outcome(accepted=False, error=unknown_workflow(command.workflow_id), from_state=None, attempt=None)
    if not is_same:
        return Outcome(False, other_use_of_key(command.idempotency_key), from_state, attempt)
    return Outcome(accepted, reason, from_state, attempt, repeated)


__all__ = ["LifecycleStore", "apply_in_order", "outcome_of"]
