"""The nodes as they are shown, by slot: those of a fill as Arrow columns, those that changed since as they are."""

import json
from collections.abc import Iterable, Mapping
from datetime import UTC, datetime
from typing import Any

import pyarrow as pa  # type: ignore[import-untyped]  # it brings no types

from registry.search.document import NodeDocument

#: How many nodes of a fill are kept as they were last shown: the best are shown again and again.
_KEPT = 20_000
_TIME = pa.timestamp("us", "UTC")
_JSON = ("capabilities", "endpoints", "metadata")
#: The columns of nodes on their way into an index, one row a node; three of them are JSON.
NODES = pa.schema(
    {
        "node_id": pa.string(),
        "node_name": pa.string(),
        "node_type": pa.string(),
        "version": pa.string(),
        "health_status": pa.string(),
        "capabilities": pa.string(),
        "endpoints": pa.string(),
        "metadata": pa.string(),
        "registered_at": _TIME,
        "last_heartbeat": _TIME,
    }
)


def as_table(documents: Iterable[NodeDocument]) -> pa.Table:
    """Return nodes as a table of `NODES`."""
    given = list(documents)
    return pa.table({name: [_value(document, name) for document in given] for name in NODES.names}, schema=NODES)


class Pages:
    """The nodes by slot. What is put is shown from then on."""

    def __init__(self, filled: pa.Table) -> None:
        """Take a table of `NODES`, in the order of the slots."""
        self._columns: Mapping[str, Any] = {name: filled[name].combine_chunks() for name in NODES.names}
        self._filled = len(filled)
        self._changed: dict[int, NodeDocument | None] = {}
        self._shown: dict[int, NodeDocument] = {}

    def get(self, slot: int) -> NodeDocument | None:
        """Return the node of a slot; None if it is gone."""
        if slot in self._changed:
            return self._changed[slot]
        if slot in self._shown:
            return self._shown[slot]
        return self._keep(slot) if slot < self._filled else None

    def put(self, slot: int, document: NodeDocument | None) -> None:
        """Show another node, or none."""
        self._changed[slot] = document

    def _keep(self, slot: int) -> NodeDocument:
        if len(self._shown) >= _KEPT:
            self._shown.clear()
        return self._shown.setdefault(slot, self._read(slot))

    def _read(self, slot: int) -> NodeDocument:
        row = {name: column[slot].as_py() for name, column in self._columns.items()}
        return NodeDocument(**row | {name: json.loads(row[name]) for name in _JSON} | _times(row))


def _times(row: Mapping[str, Any]) -> dict[str, datetime | None]:
    # Arrow's own time zone compares, but does not print, as Python's.
    return {name: _utc(row[name]) for name in ("registered_at", "last_heartbeat")}


def _utc(time: datetime | None) -> datetime | None:
    return None if time is None else time.astimezone(UTC)


def _value(document: NodeDocument, name: str) -> Any:
    value = getattr(document, name)
    return json.dumps(value) if name in _JSON else value


__all__ = ["NODES", "Pages", "as_table"]
