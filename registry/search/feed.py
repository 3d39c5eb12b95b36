"""Where the index hears of nodes."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, timedelta
from typing import Any, Protocol

import pyarrow as pa  # type: ignore[import-untyped]  # it brings no types

from registry.search.document import NodeDocument
from registry.search.pages import NODES
from sql.node_feed import NodeFeed


@dataclass(frozen=True, slots=True)
class Changes:
    """Nodes as they are now, ids of those that are gone, and from where the next look begins."""

    nodes: Sequence[NodeDocument]
    removed: Sequence[str]
    watermark: int


class Feed(Protocol):
    """All nodes once, then what changed. A watermark below the one before means: read all again."""

    def read_all(self) -> tuple[pa.Table, int]:
        """Return all nodes as a table of `NODES`, and the watermark."""

    def changes(self, since: int) -> Changes:
        """Return what changed since the look of this watermark; some of it may be told twice."""

    def wait(self, longest: timedelta) -> bool:
        """Wait until something may have changed; return False if nothing was heard."""

    def close(self) -> None:
        """Let go of it."""


class PostgresFeed:
    """What any process registers in Postgres."""

    def __init__(self, url: str) -> None:
        self._nodes = NodeFeed(url)

    def read_all(self) -> tuple[pa.Table, int]:
        """See `Feed`."""
        frame, watermark = self._nodes.read_all()
        return frame.to_arrow().cast(NODES), watermark

    def changes(self, since: int) -> Changes:
        """See `Feed`."""
        found = self._nodes.changes(since)
        return Changes([_document(row) for row in found.nodes], found.removed, found.watermark)

    def wait(self, longest: timedelta) -> bool:
        """See `Feed`."""
        return self._nodes.wait(longest)

    def close(self) -> None:
        """See `Feed`."""
        self._nodes.close()


def _document(row: Mapping[str, Any]) -> NodeDocument:
    times = {name: row[name] and row[name].astimezone(UTC) for name in ("registered_at", "last_heartbeat")}
    return NodeDocument(**dict(row) | times)


__all__ = ["Changes", "Feed", "PostgresFeed"]
