"""Silent nodes in PostgreSQL: how many, since when, and whether their expiry is held back."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, NamedTuple

from psycopg.rows import class_row

from sql.connection import Connection
from sql.connections import Connections
from sql.queries import query


@dataclass(frozen=True, slots=True)
class Expiries:
    """How many nodes there are, how many are silent for longer than their TTL, and how many became so at once.

    At once is within some time, of late or at any time since somebody last looked.
    """

    nodes: int
    silent: int
    lately: int
    held_since: datetime | None
    now: datetime


class Silence(NamedTuple):
    """The health that the registry shows of a silent node, and the revision of which it is."""

    health: str
    revision: int


class ExpiryStore:
    """Looks at the ages of heartbeats. Every method raises errors of `sql.errors`."""

    def __init__(self, connections: Connections) -> None:
        self._connections = connections

    def count(self, lately: timedelta) -> Expiries:
        """Count the nodes by their silence."""

        def work(connection: Connection) -> Expiries | None:
            with connection.cursor(row_factory=class_row(Expiries)) as cursor:
                return cursor.execute(query("count_expiries"), {"lately": lately}).fetchone()

        found = self._connections.run(work)
        assert found is not None
        return found

    def note_look(self, *, is_held: bool) -> None:
        """Note that expiries were looked at; hold them back, so that age does not count, or let them go."""
        self._connections.run(lambda connection: connection.execute(query("note_look"), {"is_held": is_held}))

    def silent(self) -> dict[str, Silence]:
        """Return the nodes that are silent by age alone."""
        return {node_id: Silence(*more) for node_id, *more in self._rows(query("get_silent"), {})}

    def touch(self, node_ids: Sequence[str]) -> None:
        """Let those who follow the nodes, such as searches, look at these again: their health has changed by age."""
        if node_ids:
            asked = {"node_ids": list(node_ids)}
            self._connections.run(lambda connection: connection.execute(query("touch_nodes"), asked))

    def flapping(self, lately: timedelta, least: int) -> dict[str, int]:
        """Return the nodes whose health changed so often of late, by silence too, and how often; the worst first."""
        return dict(self._rows(query("get_flapping"), {"lately": lately, "least": least}))

    def _rows(self, statement: str, asked: dict[str, Any]) -> list[tuple[Any, ...]]:
        return self._connections.run(lambda connection: connection.execute(statement, asked).fetchall())


__all__ = ["Expiries", "ExpiryStore", "Silence"]
