"""What the registered nodes were like at earlier times."""

from collections.abc import Mapping
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

from psycopg.rows import class_row, dict_row

from sql.connection import Connection
from sql.connections import Connections
from sql.node_rows import NodeRow, TwoStates
from sql.queries import query

_TIMES = ("last_heartbeat", "registration_timestamp", "updated_at")


class NodeHistory:
    """The table node_history, for any number of threads. Every method raises errors of `sql.errors`."""

    def __init__(self, connections: Connections) -> None:
        self._connections = connections

    def as_of(self, node_id: str, at: datetime) -> NodeRow | None:
        """Return a node's row as it was then, with the latest heartbeat up to then; None if it was not there."""

        def work(connection: Connection) -> dict[str, Any] | None:
            with connection.cursor(row_factory=dict_row) as cursor:
                return cursor.execute(query("get_node_as_of"), {"node_id": node_id, "at": at}).fetchone()

        found = self._connections.run(work)
        if found is None or found["node"] is None:
            return None
        row = _row(found["node"])
        beats = [beat for beat in (row["last_heartbeat"], found["last_heartbeat"]) if beat is not None]
        return row | {"last_heartbeat": max(beats, default=None)}

    def between(self, since: datetime, until: datetime) -> list[TwoStates]:
        """Return the nodes that changed after `since` and up to `until`, ordered by id, each as it was at both."""

        def work(connection: Connection) -> list[TwoStates]:
            with connection.cursor(row_factory=class_row(TwoStates)) as cursor:
                return cursor.execute(query("diff_nodes"), {"since": since, "until": until}).fetchall()

        return [
            replace(found, before=found.before and _row(found.before), after=found.after and _row(found.after))
            for found in self._connections.run(work)
        ]

    def count_changes(self) -> tuple[dict[str, int], int]:
        """Return how many changes of each kind there were, and how many nodes Consul has yet to hear of."""
        rows = self._connections.run(lambda connection: connection.execute(query("count_changes")).fetchall())
        return {change: count for change, count, _ in rows}, rows[0][2] if rows else 0


def _row(node: Mapping[str, Any]) -> dict[str, Any]:
    """In the history times are text."""
    return dict(node) | {name: _time(node[name]) for name in _TIMES}


def _time(text: str | None) -> datetime | None:
    return None if text is None else datetime.fromisoformat(text).astimezone(UTC)


__all__ = ["NodeHistory"]
