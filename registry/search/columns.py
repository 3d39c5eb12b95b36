"""What nodes are filtered, counted and sorted by: one value a slot in arrays that grow."""

from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa  # type: ignore[import-untyped]  # it brings no types

from registry.search.document import NodeDocument
from registry.search.lists import Codes, Lists
from registry.search.order import Order, moved_labels
from registry.search.versions import VersionKey, version_key

#: For a time that is not known: before all others.
NEVER = np.iinfo(np.int64).min
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)

#: The columns with the type and what stands where there is no node.
_COLUMNS: dict[str, tuple[type[np.generic], Any]] = {
    "alive": (np.bool_, False),
    "node_type": (np.int16, -1),
    "health_status": (np.int16, -1),
    "version": (np.int32, -1),
    "version_label": (np.int64, 0),
    "name_label": (np.int64, 0),
    "registered_at": (np.int64, NEVER),
    "last_heartbeat": (np.int64, NEVER),
    "quality_score": (np.float32, np.nan),
    "generation_success": (np.int8, -1),
}


class Columns:
    """The columns and the codes and orders behind them."""

    def __init__(self) -> None:
        self.size = 0
        self.codes = {"node_type": Codes(), "health_status": Codes(), "version": Codes()}
        self.capabilities = Lists()
        self.versions: Order[VersionKey] = Order()
        self.names: Order[str] = Order()
        self._arrays = {name: np.full(16, empty, kind) for name, (kind, empty) in _COLUMNS.items()}

    def __getitem__(self, name: str) -> npt.NDArray[Any]:
        """Return a column, one value a slot."""
        return self._arrays[name][: self.size]

    def fill(self, nodes: pa.Table, names: Sequence[str]) -> None:
        """Take all nodes, by slot, where there were none; `names` are the keys of their places by name.

        Their capabilities are filled apart.
        """
        self._grow(len(names))
        self["alive"][:] = True
        for column in self.codes:
            encoded = nodes[column].combine_chunks().dictionary_encode()
            self.codes[column] = Codes(encoded.dictionary.to_pylist())
            self[column][:] = encoded.indices.to_numpy()
        for column in ("registered_at", "last_heartbeat"):
            self[column][:] = nodes[column].cast(pa.int64()).fill_null(NEVER).to_numpy()
        self._order([version_key(text) for text in self.codes["version"].texts], names)

    def _order(self, versions: Sequence[VersionKey], names: Sequence[str]) -> None:
        self.versions, self.names = Order(versions), Order(names)
        if names:
            self["version_label"][:] = self.versions.labels(versions)[self["version"]]
            self["name_label"][:] = self.names.labels(names)

    def put(self, slot: int, document: NodeDocument, name: str) -> None:
        """Set a node's values but its quality; `name` is the key of its place by name."""
        self._grow(slot + 1)
        self["alive"][slot] = True
        for column, codes in self.codes.items():
            self[column][slot] = codes.code(getattr(document, column))
        self.capabilities.put(slot, document.capability_names())
        self["version_label"][slot] = self._label("version_label", self.versions, version_key(document.version))
        self["name_label"][slot] = self._label("name_label", self.names, name)
        self.touch(slot, document)

    def touch(self, slot: int, document: NodeDocument) -> None:
        """Set what changes often: health and times."""
        self["health_status"][slot] = self.codes["health_status"].code(document.health_status)
        self["registered_at"][slot] = microseconds(document.registered_at)
        self["last_heartbeat"][slot] = microseconds(document.last_heartbeat)

    def drop(self, slot: int) -> None:
        """Take a node out."""
        self["alive"][slot] = False

    def _label(self, column: str, order: Order[Any], key: Any) -> int:
        label = order.add(key)
        if order.moved is not None:
            self[column][:] = moved_labels(self[column], order.moved)
        return label

    def _grow(self, size: int) -> None:
        self.size = max(self.size, size)
        for name, array in self._arrays.items():
            if len(array) < size:
                longer = np.full(max(size, 2 * len(array)), _COLUMNS[name][1], array.dtype)
                longer[: len(array)] = array
                self._arrays[name] = longer


def microseconds(time: datetime | None) -> int:
    """Return a time as microseconds since 1970, or `NEVER`."""
    if time is None:
        return NEVER
    since = time - _EPOCH
    return (since.days * 86_400 + since.seconds) * 1_000_000 + since.microseconds


__all__ = ["NEVER", "Columns", "microseconds"]
