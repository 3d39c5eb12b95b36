"""The node registry in PostgreSQL: registers, removes and finds nodes, and keeps what they say of their health."""

import json
from collections.abc import Callable, Sequence
from contextlib import nullcontext
from dataclasses import asdict, fields
from datetime import datetime, timedelta
from typing import Any, TypeVar

from psycopg.rows import class_row, dict_row

from sql.connection import Connection
from sql.connections import Connections
from sql.node_rows import Filters, HealthReport, Heartbeat, NodeCount, NodeRow, Registration, Written
from sql.queries import query

Found = TypeVar("Found")

#: So many go into one statement, which looks each of them up among all of them.
_REPORTS = 200


class NodeStore:
    """The table registered_nodes and what hangs on it, for any number of threads.

    Every method is a transaction of its own, in which the triggers keep the history and owe each change to Consul.
    Every method raises errors of `sql.errors`. `now`, where it is asked for, is the database's own time if it is None.
    """

    def __init__(self, connections: Connections) -> None:
        self.connections = connections

    def register(self, nodes: Sequence[Registration]) -> list[Written]:
        """Register nodes, or bring those that are there up to date; one answer each. Each id may occur only once."""
        return self._run(lambda connection: write_registrations(connection, nodes))

    def deregister(self, node_ids: Sequence[str]) -> list[Written | None]:
        """Remove nodes; of each its removal, or None if there was no such node."""
        return self._run(lambda connection: write_removals(connection, node_ids))

    def report_health(self, reports: Sequence[HealthReport]) -> list[Written | None]:
        """Keep what was said of nodes' health; None for those that are not there. Each id may occur only once."""
        return self._run(lambda connection: write_reports(connection, reports))

    def find(
        self, filters: Filters, *, now: datetime | None = None, limit: int | None = None, offset: int = 0
    ) -> tuple[list[NodeRow], int]:
        """Return a page of the nodes that match, ordered by id, and how many match in all.

        `health_status` in a row is the health by age, `reported_health_status` what was last said of it.
        """
        if filters == Filters(node_id=filters.node_id) and filters.node_id is not None:
            return self._find_one(filters.node_id, now)
        asked = asdict(filters) | {"now": now, "limit": limit, "offset": offset}
        if filters.capability is not None:
            asked["capability"] = json.dumps([{"name": filters.capability}])
        rows = self._run(lambda connection: _rows(connection, query("find_nodes"), asked))
        total = rows[0]["total_count"]
        return [_found(row) for row in rows if row["node_id"] is not None], total

    def _find_one(self, node_id: str, now: datetime | None) -> tuple[list[NodeRow], int]:
        asked = {"node_id": node_id, "now": now}
        rows = self._run(lambda connection: _rows(connection, query("find_node"), asked))
        return [_found(row) for row in rows], len(rows)

    def count(self, now: datetime | None = None) -> list[NodeCount]:
        """Return how many nodes there are of each type and health by age."""

        def work(connection: Connection) -> list[NodeCount]:
            with connection.cursor(row_factory=class_row(NodeCount)) as cursor:
                return cursor.execute(query("count_nodes"), {"now": now}).fetchall()

        return self._run(work)

    def heartbeats(self, node_id: str, limit: int) -> list[Heartbeat]:
        """Return the latest heartbeats of a node, the latest first."""

        def work(connection: Connection) -> list[Heartbeat]:
            with connection.cursor(row_factory=class_row(Heartbeat)) as cursor:
                return cursor.execute(query("get_heartbeats"), {"node_id": node_id, "limit": limit}).fetchall()

        return self._run(work)

    def expire_heartbeats(self, kept: timedelta, *, most: int) -> int:
        """Forget heartbeats that are older, so many at most, and return how many those were."""
        asked = {"kept": kept, "most": most}
        return self._run(lambda connection: connection.execute(query("expire_heartbeats"), asked).rowcount)

    def _run(self, work: Callable[[Connection], Found]) -> Found:
        return self.connections.run(work)


def write_registrations(connection: Connection, nodes: Sequence[Registration]) -> list[Written]:
    """See `NodeStore.register`."""
    rows = _rows(connection, query("register_nodes"), {"nodes": json_text([_fields(node) for node in nodes])})
    found = {row["node_id"]: _written(row) for row in rows}
    return [found[node.node_id] for node in nodes]


def write_reports(connection: Connection, reports: Sequence[HealthReport]) -> list[Written | None]:
    """See `NodeStore.report_health`."""
    found: dict[str, Written] = {}
    with connection.transaction() if len(reports) > _REPORTS else nullcontext():
        for start in range(0, len(reports), _REPORTS):
            given = [_fields(report) for report in reports[start : start + _REPORTS]]
            rows = _rows(connection, query("report_health"), {"reports": json_text(given)})
            found |= {row["node_id"]: _written(row, only_health=True) for row in rows}
    return [found.get(report.node_id) for report in reports]


def write_removals(connection: Connection, node_ids: Sequence[str]) -> list[Written | None]:
    """See `NodeStore.deregister`."""
    asked = {"node_ids": list(node_ids)}
    with connection.transaction():
        gone = {row[0] for row in connection.execute(query("deregister_nodes"), asked)}
        if not gone:
            return [None] * len(node_ids)
        # The trigger numbers removals: what it owes to Consul tells the number.
        revisions: dict[str, int] = dict(
            connection.execute(query("get_owed_revisions"), {"node_ids": list(gone)}).fetchall()
        )
    return [
        Written(node_id, revisions[node_id], None, is_new=False, is_changed=True) if node_id in gone else None
        for node_id in node_ids
    ]


def _rows(connection: Connection, statement: str, parameters: dict[str, Any]) -> list[dict[str, Any]]:
    with connection.cursor(row_factory=dict_row) as cursor:
        return cursor.execute(statement, parameters).fetchall()


def _written(row: dict[str, Any], *, only_health: bool = False) -> Written:
    is_new, is_changed = row.pop("is_new"), row.pop("is_changed")
    for name in ("changed_xid", "revision_before"):
        del row[name]
    return Written(row["node_id"], row["revision"], row, is_new=is_new, is_changed=is_changed, only_health=only_health)


def _found(row: dict[str, Any]) -> NodeRow:
    for name in ("total_count", "changed_xid"):
        del row[name]
    return row | {"health_status": row.pop("current_health"), "reported_health_status": row["health_status"]}


def _fields(given: Registration | HealthReport) -> dict[str, Any]:
    """Return the fields; unlike `asdict`, which takes longer than the statement, it does not copy what is in them."""
    return {field.name: getattr(given, field.name) for field in fields(given)}


def json_text(rows: Sequence[dict[str, Any]]) -> str:
    """Spell rows as the statements take them."""
    return json.dumps(rows, default=datetime.isoformat, allow_nan=False)


__all__ = ["NodeStore", "json_text", "write_registrations", "write_removals", "write_reports"]
