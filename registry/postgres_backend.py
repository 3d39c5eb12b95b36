"""Nodes in Postgres. While it is away, changes wait in a spool of this machine."""

import logging
from collections.abc import Callable, Sequence
from contextlib import ExitStack
from datetime import datetime, timedelta
from hashlib import sha256
from threading import Event, Lock, Thread
from time import monotonic
from typing import Any, TypeVar
from urllib.parse import urlsplit

from omninode.errors import OmninodeError
from omninode.settings import Settings
from registry.backend import Outcome, Spooled
from registry.combining import Combiner
from registry.draining import NOT_NOW, drain
from registry.search.feed import Feed, PostgresFeed
from registry.spool import Change, Spool
from sql.connections import Connections
from sql.errors import CannotConnect, ConnectionLost, DatabaseError
from sql.node_history import NodeHistory
from sql.node_rows import Filters, HealthReport, Heartbeat, NodeCount, NodeRow, Registration, TwoStates, Written
from sql.node_store import NodeStore
from sql.parts import postgres
from sql.spooled_changes import SpooledChanges

_LOG = logging.getLogger(__name__)

Found = TypeVar("Found")

#: For so long heartbeats can be looked up.
HEARTBEATS_KEPT = timedelta(days=7)
#: Who writes heartbeats also removes old ones, more of them than anybody writes in this time.
_UPKEEP_SECONDS = 60.0
_MOST_EXPIRED = 50_000

#: For so long after a failure nobody tries: a server that does not answer would hold up each call.
_PAUSE_SECONDS = 1.0


class PostgresBackend:
    """See `Backend`. Changes that were spooled come before any later one of the same machine."""

    def __init__(self, settings: Settings, clock: Callable[[], datetime] | None = None) -> None:
        self.on_drained: Callable[[Sequence[Written]], object] = lambda _: None
        self._settings = settings
        self._clock = clock
        self._spool = spool_of(settings)
        self._registering: Combiner[Registration, Written] = Combiner(
            lambda nodes: self._store.register(nodes), key=_id, is_common=_is_away
        )
        self._reporting: Combiner[HealthReport, Written | None] = Combiner(
            self._report_health, key=_id, is_common=_is_away
        )
        self._lock = Lock()
        self._stack = ExitStack()
        self._opened: tuple[str, Connections] | None = None
        self._away_until = 0.0
        self._next_upkeep = monotonic() + _UPKEEP_SECONDS
        self._reason = ""
        self._stop = Event()
        self._drainer: Thread | None = None

    def open(self) -> str:
        """See `Backend`. The embedded server is started if none is set; one that is set may be away."""
        with self._lock:
            if self._opened is None:
                with ExitStack() as stack:
                    url = stack.enter_context(postgres(self._settings))
                    connections = Connections(url)
                    stack.callback(connections.close)
                    self._stack = stack.pop_all()
                self._opened = url, connections
                if not self._spool.is_empty():
                    self._drain_later()
            return self._opened[0]

    def register(self, nodes: Sequence[Registration]) -> Sequence[Outcome]:
        """See `Backend`."""
        return self._write(nodes, [node.node_id for node in nodes], lambda: self._registering.run(nodes))

    def deregister(self, node_ids: Sequence[str]) -> Sequence[Outcome | None]:
        """See `Backend`."""
        return self._write(node_ids, node_ids, lambda: self._store.deregister(node_ids))

    def report_health(self, reports: Sequence[HealthReport]) -> Sequence[Outcome | None]:
        """See `Backend`."""
        return self._write(reports, [report.node_id for report in reports], lambda: self._reporting.run(reports))

    def find(self, filters: Filters, *, limit: int | None = None, offset: int = 0) -> tuple[list[NodeRow], int]:
        """See `Backend`."""
        self._catch_up()
        return self._store.find(filters, now=self._now(), limit=limit, offset=offset)

    def count(self) -> list[NodeCount]:
        """See `Backend`."""
        return self._store.count(self._now())

    def heartbeats(self, node_id: str, limit: int) -> list[Heartbeat]:
        """See `Backend`."""
        return self._store.heartbeats(node_id, limit)

    def as_of(self, node_id: str, at: datetime) -> NodeRow | None:
        """See `Backend`."""
        return NodeHistory(self._connections).as_of(node_id, at)

    def between(self, since: datetime, until: datetime) -> list[TwoStates]:
        """See `Backend`."""
        return NodeHistory(self._connections).between(since, until)

    def open_feed(self) -> Feed:
        """See `Backend`."""
        return PostgresFeed(self.open())

    def status(self) -> dict[str, Any]:
        """See `Backend`."""
        return {"spooled_changes": self._spool.count()}

    def close(self) -> None:
        """Let go of the database. What is spooled stays for the next one who opens it."""
        self._stop.set()
        if self._drainer is not None:
            self._drainer.join()
        self._stack.close()
        self._opened = None

    @property
    def _connections(self) -> Connections:
        self.open()
        assert self._opened is not None
        return self._opened[1]

    @property
    def _store(self) -> NodeStore:
        return NodeStore(self._connections)

    def _report_health(self, reports: Sequence[HealthReport]) -> list[Written | None]:
        done = self._store.report_health(reports)
        with self._lock:
            is_time = monotonic() >= self._next_upkeep
            self._next_upkeep = monotonic() + _UPKEEP_SECONDS if is_time else self._next_upkeep
        if is_time:
            self._store.expire_heartbeats(HEARTBEATS_KEPT, most=_MOST_EXPIRED)
        return done

    def _now(self) -> datetime | None:
        return None if self._clock is None else self._clock()

    def _write(
        self, changes: Sequence[Change], node_ids: Sequence[str], write: Callable[[], Sequence[Found]]
    ) -> Sequence[Found | Spooled]:
        """Write into the database, or into the spool if it is away."""
        if monotonic() >= self._away_until:
            try:
                self._drain()
                return write()
            except (CannotConnect, ConnectionLost) as error:
                self._note_away(error)
        self._spool.add(changes)
        with self._lock:
            self._drain_later()
        return [Spooled(node_id, self._reason) for node_id in node_ids]

    def _catch_up(self) -> None:
        """Let readers see what was written before. If that is not possible they learn it by themselves."""
        if monotonic() >= self._away_until:
            self._drain()

    def _drain(self) -> None:
        if not self._spool.is_empty():
            done = drain(self._spool, SpooledChanges(self._connections))
            self._away_until = 0.0
            _LOG.info("%d changes that were spooled are in the database now", len(done))
            self.on_drained(done)

    def _note_away(self, error: DatabaseError) -> None:
        self._reason = str(error)
        self._away_until = monotonic() + _PAUSE_SECONDS

    def _drain_later(self) -> None:
        """See that somebody tries until the spool is empty. The caller holds the lock."""
        if self._drainer is None and not self._stop.is_set():
            self._drainer = Thread(target=self._keep_draining, name="registry-spool", daemon=True)
            self._drainer.start()

    def _keep_draining(self) -> None:
        while not self._stop.wait(_PAUSE_SECONDS):
            try:
                self._drain()
            except OmninodeError as error:
                _LOG.debug("The spool has to wait: %s", error)
            with self._lock:
                if self._spool.is_empty():
                    self._drainer = None
                    return


def _id(change: Registration | HealthReport) -> str:
    return change.node_id


def _is_away(error: Exception) -> bool:
    return isinstance(error, NOT_NOW)


def spool_of(settings: Settings) -> Spool:
    """Return where changes wait for the database that is set."""
    return Spool(settings.home / "registry" / f"spool-{_name(settings.postgres_url)}.jsonl")


def _name(url: str | None) -> str:
    """Name a database without its password, so that what waits for one does not end up in another."""
    if url is None:
        return "embedded"
    parts = urlsplit(url)
    return sha256(f"{parts.hostname}:{parts.port}{parts.path}".encode()).hexdigest()[:12]


__all__ = ["HEARTBEATS_KEPT", "PostgresBackend", "spool_of"]
