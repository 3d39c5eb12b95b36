"""The streaming process: what ingest commits is in the statistics a moment later."""

import logging
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass, field
from threading import Event, Lock
from time import monotonic

from ingest.ingestor import Committed, Ingestor
from pipelines.metrics import AggregatorMetrics
from pipelines.refresh import Refresher, RefreshReport
from sql.errors import DatabaseError

log = logging.getLogger(__name__)

_LOOK_SECONDS = 0.1


@dataclass(slots=True)
class Stream:
    """Runs ingest in a thread of its own, and refreshes what its commits touched: many commits, one refresh."""

    ingestor: Ingestor
    refresher: Refresher
    metrics: AggregatorMetrics
    on_commit: Callable[[Committed], None] = field(default=lambda _: None)
    on_refresh: Callable[[RefreshReport], None] = field(default=lambda _: None)
    #: Refreshes begin at least this far apart.
    interval_seconds: float = 0.5
    #: A database that is away does not stop ingest: the refresh is tried again after this time.
    retry_seconds: float = 2.0
    _changed: Event = field(init=False, default_factory=Event)
    _waiting: int = field(init=False, default=0)
    _lock: Lock = field(init=False, default_factory=Lock)

    def run(self, *, stop: Event) -> None:
        """Run until `stop` is set. Raises what ingest or a refresh raises, after both have ended."""
        self.ingestor.on_commit = self._note
        self._changed.set()  # Something may have come while no stream was running.
        with ThreadPoolExecutor(1, thread_name_prefix="ingest") as executor:
            ingest = executor.submit(self.ingestor.run, stop=stop)
            try:
                while not stop.is_set() and not ingest.done():
                    self._refresh_if_changed(stop)
                self._refresh_rest(ingest)
            finally:
                stop.set()
            ingest.result()

    def _refresh_if_changed(self, stop: Event) -> None:
        if not self._changed.wait(_LOOK_SECONDS):
            return
        began = monotonic()
        try:
            self._refresh()
        except DatabaseError as error:
            log.warning("refresh failed, trying again in %s s: %s", self.retry_seconds, error)
            self._changed.set()
            stop.wait(self.retry_seconds)
        stop.wait(max(0.0, self.interval_seconds - (monotonic() - began)))

    def _refresh_rest(self, ingest: "Future[None]") -> None:
        """What ingest commits on its way out is refreshed as well."""
        if ingest.exception() is None and self._changed.is_set():
            self._refresh()

    def _refresh(self) -> None:
        self._changed.clear()
        with self._lock:
            waiting, self._waiting = self._waiting, 0
            self.metrics.buffer_size.set(0)
        report = self.refresher.refresh()
        self.metrics.observe_aggregation(seconds=report.seconds, events=waiting)
        self.on_refresh(report)

    def _note(self, committed: Committed) -> None:
        self.on_commit(committed)
        self.metrics.observe_events(committed.events)
        with self._lock:
            self._waiting += committed.events.height
            self.metrics.buffer_size.set(self._waiting)
        self._changed.set()
