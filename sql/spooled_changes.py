"""Changes of nodes that were made while the database was away, brought into it in their order."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from uuid import UUID

from sql.connection import Connection
from sql.connections import Connections
from sql.node_rows import HealthReport, Registration, Written
from sql.node_store import json_text, write_registrations, write_removals, write_reports
from sql.queries import query


@dataclass(frozen=True, slots=True)
class SpooledChange:
    """A change with the time at which it was made by the machine's own clock; `change` None: the node was removed."""

    operation_id: UUID
    node_id: str
    at: datetime
    change: Registration | HealthReport | None


class SpooledChanges:
    """Applies them, each once, for any number of threads. Every method raises errors of `sql.errors`."""

    def __init__(self, connections: Connections) -> None:
        self._connections = connections

    def apply(self, changes: Sequence[SpooledChange]) -> list[Written]:
        """Make these changes in one transaction, and return what each of them made of its node, in order.

        What arrived before, and what somebody else has overtaken with a later change, is left out.
        """

        def work(connection: Connection) -> list[Written]:
            with connection.transaction():
                connection.execute(query("begin_spooled"))
                return _apply(connection, changes)

        return self._connections.run(work)


def _apply(connection: Connection, given: Sequence[SpooledChange]) -> list[Written]:
    changes = _by_server_clock(connection, given)
    parameters = {"operation_ids": [change.operation_id for change in changes]}
    wanted = {row[0] for row in connection.execute(query("claim_spooled"), parameters)}
    wanted -= _overtaken(connection, changes)
    waves = _waves([change for change in changes if change.operation_id in wanted])
    return [written for wave in waves for written in _apply_wave(connection, wave)]


def _by_server_clock(connection: Connection, changes: Sequence[SpooledChange]) -> list[SpooledChange]:
    row = connection.execute(query("get_server_time")).fetchone()
    assert row is not None
    skew: timedelta = row[0] - datetime.now(UTC)
    # It is not for a fraction of a second, which the question itself takes, that times are changed.
    skew = skew if abs(skew) > timedelta(seconds=0.5) else timedelta()
    return [replace(change, at=min(change.at + skew, row[0])) for change in changes]


def _overtaken(connection: Connection, changes: Sequence[SpooledChange]) -> set[UUID]:
    asked = [
        {"operation_id": str(change.operation_id), "node_id": change.node_id, "at": change.at} for change in changes
    ]
    return {row[0] for row in connection.execute(query("get_overtaken"), {"operations": json_text(asked)})}


def _waves(changes: Sequence[SpooledChange]) -> list[list[SpooledChange]]:
    """Put the first change of each node into the first wave, the second into the second, and so on."""
    waves: list[list[SpooledChange]] = []
    seen: dict[str, int] = {}
    for change in changes:
        place = seen.get(change.node_id, 0)
        seen[change.node_id] = place + 1
        if place == len(waves):
            waves.append([])
        waves[place].append(change)
    return waves


def _apply_wave(connection: Connection, wave: Sequence[SpooledChange]) -> list[Written]:
    removals = [change.node_id for change in wave if change.change is None]
    registrations = [replace(one.change, at=one.at) for one in wave if isinstance(one.change, Registration)]
    reports = [replace(one.change, at=one.at) for one in wave if isinstance(one.change, HealthReport)]
    done: list[Written | None] = []
    if removals:
        done += write_removals(connection, removals)
    if registrations:
        done += write_registrations(connection, registrations)
    if reports:
        done += write_reports(connection, reports)
    return [written for written in done if written is not None]


__all__ = ["SpooledChange", "SpooledChanges"]
