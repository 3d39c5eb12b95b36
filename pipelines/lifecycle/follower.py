"""Keeps the lifecycle tables up to the lake, beside whoever writes to it."""

import logging
from collections.abc import Iterator
from contextlib import contextmanager
from threading import Event, Thread

from omninode.errors import OmninodeError
from pipelines.lifecycle.replay import LifecycleReplay

log = logging.getLogger(__name__)

#: Refreshes begin at least this far apart.
INTERVAL_SECONDS = 1.0
#: A database or a lake that is away is tried again after this time.
RETRY_SECONDS = 5.0


class LifecycleFollower:
    """Refreshes on a thread of its own whenever it is told that the lake has changed: many changes, one refresh."""

    def __init__(self, replay: LifecycleReplay) -> None:
        self._replay = replay
        self._changed = Event()
        self._stop = Event()

    def note(self) -> None:
        """Tell it that the lake has changed."""
        self._changed.set()

    @contextmanager
    def running(self) -> Iterator["LifecycleFollower"]:
        """Run for as long as the block does; what changed last is brought in at the end."""
        thread = Thread(target=self._run, name="lifecycle-follower")
        self._changed.set()  # Something may have come while nobody followed.
        thread.start()
        try:
            yield self
        finally:
            self._stop.set()
            thread.join()

    def _run(self) -> None:
        while not self._stop.is_set():
            if self._changed.wait(0.1):
                self._stop.wait(INTERVAL_SECONDS if self._refreshed() else RETRY_SECONDS)
        if self._changed.is_set():
            self._refreshed()

    def _refreshed(self) -> bool:
        self._changed.clear()
        try:
            self._replay.refresh()
        except OmninodeError as error:
            log.warning("workflows were not brought up to their events, trying again: %s", error)
            self._changed.set()
            return False
        return True
