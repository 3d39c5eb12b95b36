"""Lets those who work on one node follow one another, and the latest win."""

from collections.abc import Iterable, Iterator, Mapping
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from threading import Lock

_LOCKS = 1_024


@dataclass(slots=True)
class _UnderWay:
    count: int
    newest: int


class Turns:
    """Of the changes of one node that are under way at once, an older one is never made after a newer one."""

    def __init__(self) -> None:
        self._locks = [Lock() for _ in range(_LOCKS)]
        self._lock = Lock()
        self._under_way: dict[str, _UnderWay] = {}

    def announce(self, revisions: Mapping[str, int]) -> None:
        """Say what is about to be done; `done` has to follow, whatever becomes of it."""
        with self._lock:
            for node_id, revision in revisions.items():
                found = self._under_way.setdefault(node_id, _UnderWay(0, revision))
                found.count += 1
                found.newest = max(found.newest, revision)

    def done(self, node_ids: Iterable[str]) -> None:
        """Say that it was done, or will not be."""
        with self._lock:
            for node_id in node_ids:
                self._under_way[node_id].count -= 1
                if self._under_way[node_id].count == 0:
                    del self._under_way[node_id]

    @contextmanager
    def taken(self, revisions: Mapping[str, int]) -> Iterator[set[str]]:
        """Wait for those who work on these nodes; yield the nodes of which nothing newer was announced."""
        with ExitStack() as stack:
            for place in sorted({hash(node_id) % _LOCKS for node_id in revisions}):
                stack.enter_context(self._locks[place])
            with self._lock:
                newest = {node_id: self._under_way[node_id].newest for node_id in revisions}
            yield {node_id for node_id, revision in revisions.items() if newest[node_id] <= revision}


__all__ = ["Turns"]
