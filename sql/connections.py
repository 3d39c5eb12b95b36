"""Connections for many threads to a server that may go away and come back."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from threading import Lock
from typing import TypeVar

from sql.connection import Connection, connect
from sql.errors import ConnectionLost, database_errors
from sql.queries import query

Found = TypeVar("Found")


class Connections:
    """As many connections as threads use at once; they are kept for later use.

    Unlike a pool it does not wait for a server that is away: who needs a connection hears at once that there is none.
    """

    def __init__(self, url: str) -> None:
        self._url = url
        self._lock = Lock()
        self._idle: list[Connection] = []

    def run(self, work: Callable[[Connection], Found]) -> Found:
        """Let work use a connection; if one that was kept turns out to be broken, again with a new one.

        So work may be done twice, if the connection broke while the server committed. Raises errors of `sql.errors`.
        """
        kept = self._take()
        if kept is not None:
            try:
                with self._using(kept):
                    return work(kept)
            except ConnectionLost:
                if not kept.closed:
                    raise
                self.close()
        with self._using(connect(self._url)) as fresh:
            fresh.execute(query("prefer_indexes"))
            return work(fresh)

    def close(self) -> None:
        """Close those that nobody uses."""
        with self._lock:
            idle, self._idle = self._idle, []
        for connection in idle:
            connection.close()

    def _take(self) -> Connection | None:
        with self._lock:
            return self._idle.pop() if self._idle else None

    @contextmanager
    def _using(self, connection: Connection) -> Iterator[Connection]:
        try:
            with database_errors():
                yield connection
        finally:
            if not connection.closed:
                with self._lock:
                    self._idle.append(connection)


__all__ = ["Connections"]
