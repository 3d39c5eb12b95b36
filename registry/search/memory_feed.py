"""The nodes of a registry that lives in memory, for the searches of the same process."""

from collections.abc import Iterable
from datetime import timedelta
from threading import Condition

import pyarrow as pa  # type: ignore[import-untyped]  # it brings no types

from registry.search.document import NodeDocument
from registry.search.feed import Changes, Feed
from registry.search.pages import as_table


class MemoryNodes:
    """What is registered now, and which of it changed when. Any thread may use it.

    It remembers the id of each node that is gone; a registry in memory ends with its process.
    """

    def __init__(self) -> None:
        self.changed = Condition()
        self.revision = 0
        self._nodes: dict[str, tuple[int, NodeDocument | None]] = {}

    def put(self, document: NodeDocument) -> None:
        """Say that a node was registered, or is now as here."""
        self._set(document.node_id, document)

    def drop(self, node_id: str) -> None:
        """Say that a node is gone."""
        self._set(node_id, None)

    def open_feed(self) -> Feed:
        """Return a new feed of the nodes."""
        return _MemoryFeed(self)

    def since(self, revision: int) -> Iterable[tuple[str, NodeDocument | None]]:
        """Return what changed after a revision, the latest last. The caller holds `changed`."""
        found = []
        for node_id, (at, document) in reversed(self._nodes.items()):
            if at <= revision:
                break
            found.append((node_id, document))
        return found[::-1]

    def _set(self, node_id: str, document: NodeDocument | None) -> None:
        with self.changed:
            self.revision += 1
            # The latest stands last.
            self._nodes.pop(node_id, None)
            self._nodes[node_id] = (self.revision, document)
            self.changed.notify_all()


class _MemoryFeed:
    """See `Feed`; a watermark is a revision."""

    def __init__(self, nodes: MemoryNodes) -> None:
        self._nodes = nodes
        self._told = 0

    def read_all(self) -> tuple[pa.Table, int]:
        found = self.changes(0)
        return as_table(found.nodes), found.watermark

    def changes(self, since: int) -> Changes:
        with self._nodes.changed:
            found, self._told = list(self._nodes.since(since)), self._nodes.revision
        there = [document for _, document in found if document is not None]
        return Changes(there, [node_id for node_id, document in found if document is None], self._told)

    def wait(self, longest: timedelta) -> bool:
        with self._nodes.changed:
            return self._nodes.changed.wait_for(
                lambda: self._nodes.revision > self._told, timeout=longest.total_seconds()
            )

    def close(self) -> None:
        """Nothing is held."""


__all__ = ["MemoryNodes"]
