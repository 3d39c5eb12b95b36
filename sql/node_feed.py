"""The registered nodes as a stream: all of them once, then what changed, whoever changed it."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import timedelta
from time import monotonic
from typing import Any

import polars as pl
from psycopg.rows import dict_row

from sql.connection import Connection, connect
from sql.errors import database_errors
from sql.queries import query

_TIME = pl.Datetime("us", "UTC")
_TEXTS = (
    "node_id",
    "node_name",
    "node_type",
    "version",
    "health_status",
    "capabilities",
    "endpoints",
    "metadata",
)
_TIMES = ("registered_at", "last_heartbeat")


@dataclass(frozen=True)
class NodeChanges:
    """Nodes as they are now, the ids of those that are gone, and from where the next look has to begin."""

    nodes: Sequence[Mapping[str, Any]]
    removed: Sequence[str]
    watermark: int


class NodeFeed:
    """A look at the nodes over one connection, for one thread. Every method raises errors of `sql.errors`.

    A watermark is the oldest transaction that was under way at a look: what that look could not see yet was written by
    it or by a later one. So nothing is missed, with or without notices, and some nodes are read twice.
    """

    def __init__(self, url: str) -> None:
        self._connection: Connection = connect(url)
        with database_errors():
            self._connection.execute(query("listen_to_nodes"))

    def close(self) -> None:
        """Close the connection."""
        self._connection.close()

    def read_all(self) -> tuple[pl.DataFrame, int]:
        """Return all nodes and the watermark of this look.

        Columns: node_id, node_name, node_type, version, health_status; capabilities, endpoints, metadata as JSON;
        registered_at, last_heartbeat in UTC, null if unknown.
        """
        with database_errors(), self._connection.transaction():
            watermark = self._look()
            with self._connection.cursor().copy(query("copy_nodes")) as copy:
                text = b"".join(copy)
        return _frame(text), watermark

    def changes(self, since: int) -> NodeChanges:
        """Return what was written since the look that had this watermark."""
        parameters = {"since": since}
        with database_errors(), self._connection.transaction(), self._connection.cursor(row_factory=dict_row) as cursor:
            watermark = self._look()
            nodes = cursor.execute(query("get_changed_nodes"), parameters).fetchall()
            removed = [row["node_id"] for row in cursor.execute(query("get_removed_nodes"), parameters)]
        return NodeChanges(nodes, removed, watermark)

    def wait(self, longest: timedelta) -> bool:
        """Wait until a change is told of; return False if none was in that time."""
        deadline = monotonic() + longest.total_seconds()
        with database_errors():
            told = list(self._connection.notifies(timeout=max(deadline - monotonic(), 0), stop_after=1))
        return bool(told)

    def _look(self) -> int:
        self._connection.execute(query("start_one_look"))
        row = self._connection.execute(query("get_oldest_transaction")).fetchone()
        assert row is not None
        return int(row[0])


def _frame(text: bytes) -> pl.DataFrame:
    schema = dict.fromkeys(_TEXTS, pl.String()) | dict.fromkeys(_TIMES, pl.Int64())
    if not text:
        return pl.DataFrame(schema=schema | dict.fromkeys(_TIMES, _TIME))
    frame = pl.read_csv(text, has_header=False, schema=schema)
    # No text is missing in the table: what reads as missing is an empty one.
    return frame.with_columns(pl.col(_TEXTS).fill_null(""), pl.col(_TIMES).cast(_TIME))


__all__ = ["NodeChanges", "NodeFeed"]
