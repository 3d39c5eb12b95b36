"""The outbox in PostgreSQL: what Consul has yet to hear of, claimed, settled or put off."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

from psycopg.rows import dict_row

from sql.connection import Connection
from sql.connections import Connections
from sql.errors import DatabaseError
from sql.node_rows import NodeRow
from sql.queries import query


@dataclass(frozen=True, slots=True)
class Claimed:
    """A row of the outbox and its node as it is now, None if it is to be removed. `attempts` counts this one."""

    node_id: str
    revision: int
    node: NodeRow | None
    only_health: bool
    attempts: int


@dataclass(frozen=True, slots=True)
class Sent:
    """What Consul has heard of a node: its state at a revision, or that it is gone."""

    node_id: str
    revision: int
    is_removal: bool


class OutboxStore:
    """The table registry_outbox, for any number of threads. Every method raises errors of `sql.errors`.

    Whatever is written is written in one statement, so that a process may die between any two.
    """

    def __init__(self, connections: Connections) -> None:
        self._connections = connections

    def registry_id(self) -> str:
        """Return who this registry is."""
        return str(self._one(query("get_registry_id")))

    def claim(self, *, limit: int, lease: timedelta) -> list[Claimed]:
        """Take what is due; nobody else gets it before the lease is over."""

        def work(connection: Connection) -> tuple[list[dict[str, Any]], list[dict[str, Any]]]:
            claimed = _rows(connection, query("claim_owed"), {"limit": limit, "lease": lease})
            # A statement of its own, so that a node is at least as new as what is owed of it.
            ids = [row["node_id"] for row in claimed]
            return claimed, _rows(connection, query("get_nodes"), {"node_ids": ids}) if ids else []

        rows, nodes = self._connections.run(work)
        found = {node["node_id"]: node for node in nodes}
        return [Claimed(**row, node=found.get(row["node_id"])) for row in rows]

    def settle(self, sent: Sequence[Sent]) -> None:
        """Note what Consul has heard. What was changed since is owed on."""
        try:
            self._settle(sent)
        except DatabaseError:
            if len(sent) == 1:
                raise
            # Many rows at once may have met somebody who locked them in another order.
            for one in sent:
                self._settle([one])

    def owe(self, node_ids: Sequence[str], *, only_health: bool = False) -> None:
        """Have these nodes brought to Consul as they are, or removed there if they are not registered."""
        for start in range(0, len(node_ids), 1_000):
            those = list(node_ids[start : start + 1_000])
            self._execute(query("owe_nodes"), {"node_ids": those, "only_health": only_health})

    def release(self) -> None:
        """Have all that is owed sent at once, whoever made it and however often it failed."""
        self._execute(query("release_owed"), {})

    def owed(self, node_ids: Sequence[str]) -> set[str]:
        """Return those of these nodes of which Consul has yet to hear."""
        asked = {"node_ids": list(node_ids)}
        rows = self._connections.run(lambda connection: connection.execute(query("get_owed"), asked).fetchall())
        return {row[0] for row in rows}

    def postpone(self, claimed: Sequence[Claimed], seconds: Sequence[float], error: str) -> None:
        """Put off what could not be sent, each for so many seconds."""
        ids, revisions = [one.node_id for one in claimed], [one.revision for one in claimed]
        told = {"node_ids": ids, "revisions": revisions, "seconds": list(seconds), "error": error[:1_000]}
        self._execute(query("postpone_owed"), told)

    def mark(self, node_ids: Sequence[str]) -> None:
        """Show in the nodes' rows that they have been brought to Consul."""
        self._execute(query("mark_in_consul"), {"node_ids": list(node_ids)})

    def count(self) -> int:
        """Return how many nodes Consul has yet to hear of."""
        return int(self._one(query("count_owed")))

    def count_due(self) -> int:
        """Return how many are to be sent now, or are just being sent by somebody."""
        return int(self._one(query("count_due")))

    def nodes(self, node_ids: Sequence[str] | None = None) -> list[NodeRow]:
        """Return these nodes, or every node, as they are now, with the health by age as `current_health`."""
        statement = query("get_all_nodes") if node_ids is None else query("get_nodes")
        asked = {"node_ids": list(node_ids or ())}
        return list(self._connections.run(lambda connection: _rows(connection, statement, asked)))

    def _settle(self, sent: Sequence[Sent]) -> None:
        told = {
            "node_ids": [one.node_id for one in sent],
            "revisions": [one.revision for one in sent],
            "removals": [one.is_removal for one in sent],
        }
        self._execute(query("settle_owed"), told)

    def _execute(self, statement: str, parameters: dict[str, Any]) -> None:
        self._connections.run(lambda connection: connection.execute(statement, parameters))

    def _one(self, statement: str) -> Any:
        row = self._connections.run(lambda connection: connection.execute(statement).fetchone())
        assert row is not None
        return row[0]


def _rows(connection: Connection, statement: str, parameters: dict[str, Any]) -> list[dict[str, Any]]:
    with connection.cursor(row_factory=dict_row) as cursor:
        return cursor.execute(statement, parameters).fetchall()


__all__ = ["Claimed", "OutboxStore", "Sent"]
