"""Nodes in this process, by the rules that the tables and triggers of sql/schema.sql keep in Postgres."""

from collections import Counter, defaultdict, deque
from collections.abc import Callable, Mapping, Sequence
from copy import deepcopy
from dataclasses import asdict
from datetime import datetime
from threading import RLock
from typing import Any

from registry.enums import EnumHealthStatus
from registry.health import is_silent, with_health
from registry.json_values import same
from registry.search.document import NodeDocument
from registry.search.feed import Feed
from registry.search.memory_feed import MemoryNodes
from sql.node_rows import (
    CONTENT,
    Filters,
    HealthReport,
    Heartbeat,
    NodeCount,
    NodeRow,
    Registration,
    TwoStates,
    Written,
)

#: So many heartbeats and changes of a node are remembered.
_REMEMBERED = 1_000


class MemoryBackend:
    """See `Backend`. What is kept ends with the process."""

    def __init__(self, clock: Callable[[], datetime]) -> None:
        self.on_drained: Callable[[Sequence[Written]], object] = lambda _: None
        self._clock = clock
        self._lock = RLock()
        self._revision = 0
        self._rows: dict[str, dict[str, Any]] = {}
        self._history: dict[str, deque[tuple[datetime, NodeRow | None]]] = defaultdict(_remembered)
        self._beats: dict[str, deque[Heartbeat]] = defaultdict(_remembered)
        self._search = MemoryNodes()

    def open(self) -> str | None:
        """See `Backend`."""
        return None

    def register(self, nodes: Sequence[Registration]) -> list[Written]:
        """See `Backend`."""
        with self._lock:
            return [self._register(node, self._clock()) for node in nodes]

    def deregister(self, node_ids: Sequence[str]) -> list[Written | None]:
        """See `Backend`."""
        with self._lock:
            return [self._remove(node_id) if node_id in self._rows else None for node_id in node_ids]

    def report_health(self, reports: Sequence[HealthReport]) -> list[Written | None]:
        """See `Backend`."""
        with self._lock:
            return [self._report(report) if report.node_id in self._rows else None for report in reports]

    def find(self, filters: Filters, *, limit: int | None = None, offset: int = 0) -> tuple[list[NodeRow], int]:
        """See `Backend`."""
        with self._lock:
            now = self._clock()
            rows = [with_health(row, now) for _, row in sorted(self._rows.items())]
        found: list[NodeRow] = [row for row in rows if _matches(row, filters)]
        # What a caller does to a row does not reach ours.
        return deepcopy(found[offset : None if limit is None else offset + limit]), len(found)

    def count(self) -> list[NodeCount]:
        """See `Backend`."""
        rows, _ = self.find(Filters())
        counts = Counter((row["node_type"], row["health_status"]) for row in rows)
        return [NodeCount(*which, nodes) for which, nodes in sorted(counts.items())]

    def heartbeats(self, node_id: str, limit: int) -> list[Heartbeat]:
        """See `Backend`."""
        with self._lock:
            return list(self._beats.get(node_id, ()))[::-1][:limit]

    def as_of(self, node_id: str, at: datetime) -> NodeRow | None:
        """See `Backend`."""
        with self._lock:
            row = self._state(node_id, at)
            beats = [beat.received_at for beat in self._beats.get(node_id, ()) if beat.received_at <= at]
        if row is None:
            return None
        known = [beat for beat in (row["last_heartbeat"], *beats) if beat is not None]
        return dict(row) | {"last_heartbeat": max(known, default=None)}

    def between(self, since: datetime, until: datetime) -> list[TwoStates]:
        """See `Backend`."""
        with self._lock:
            return [
                TwoStates(node_id, self._state(node_id, since), self._state(node_id, until), len(times), max(times))
                for node_id, history in sorted(self._history.items())
                if (times := [at for at, _ in history if since < at <= until])
            ]

    def open_feed(self) -> Feed:
        """See `Backend`."""
        return self._search.open_feed()

    def status(self) -> dict[str, Any]:
        """See `Backend`."""
        return {"spooled_changes": 0}

    def close(self) -> None:
        """Nothing was opened."""

    def _register(self, node: Registration, now: datetime) -> Written:
        said = asdict(node)
        before = self._rows.get(node.node_id)
        if before is None:
            row = _NEW | said | {"registration_timestamp": now}
        else:
            health = EnumHealthStatus.UNKNOWN.value if is_silent(before, now) else before["health_status"]
            row = before | said | {"last_heartbeat": now, "health_status": health}
        del row["at"]
        return self._write(row, before, now)

    def _report(self, report: HealthReport) -> Written:
        now, before = self._clock(), self._rows[report.node_id]
        row = before | {"health_status": report.health_status}
        if report.is_heartbeat:
            row["last_heartbeat"] = now
            self._beats[report.node_id].append(Heartbeat(now, report.health_status))
        return self._write(row, before, now, only_health=True)

    def _write(
        self, row: dict[str, Any], before: Mapping[str, Any] | None, now: datetime, *, only_health: bool = False
    ) -> Written:
        is_changed = before is None or not all(same(row[name], before[name]) for name in (*CONTENT, "health_status"))
        if is_changed:
            self._revision += 1
            row |= {"revision": self._revision, "updated_at": now}
            self._history[row["node_id"]].append((now, row))
        self._rows[row["node_id"]] = row
        self._search.put(_document(row))
        return Written(row["node_id"], row["revision"], dict(row), before is None, is_changed, only_health)

    def _remove(self, node_id: str) -> Written:
        self._revision += 1
        del self._rows[node_id]
        self._history[node_id].append((self._clock(), None))
        self._search.drop(node_id)
        return Written(node_id, self._revision, None, is_new=False, is_changed=True)

    def _state(self, node_id: str, at: datetime) -> NodeRow | None:
        states = [row for changed_at, row in self._history.get(node_id, ()) if changed_at <= at]
        return states[-1] if states else None


_NEW = {
    "health_status": EnumHealthStatus.UNKNOWN.value,
    "last_heartbeat": None,
    "consul_registered": False,
    "postgres_registered": False,
}


def _remembered() -> deque[Any]:
    return deque(maxlen=_REMEMBERED)


def _matches(row: NodeRow, filters: Filters) -> bool:
    wanted = {
        "node_id": filters.node_id,
        "node_type": filters.node_type,
        "health_status": filters.health_status,
        "version": filters.version,
        "node_name": filters.name,
    }
    has = all(value is None or row[name] == value for name, value in wanted.items())
    return has and (filters.capability is None or filters.capability in {able["name"] for able in row["capabilities"]})


def _document(row: NodeRow) -> NodeDocument:
    same = ("node_id", "node_name", "node_type", "version", "capabilities", "endpoints", "health_status", "metadata")
    times = {"registered_at": row["registration_timestamp"], "last_heartbeat": row["last_heartbeat"]}
    return NodeDocument(**{name: row[name] for name in same}, **times)


__all__ = ["MemoryBackend"]
