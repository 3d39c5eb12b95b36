"""Keeps an index up to its nodes, in a thread of its own."""

import logging
from collections.abc import Callable
from datetime import timedelta
from threading import Event, Lock, Thread
from time import monotonic

from registry.search.feed import Feed
from registry.search.index import SearchIndex

_LOG = logging.getLogger(__name__)

#: How long a change may go unseen of which no notice came.
_LOOK = timedelta(seconds=0.5)
#: How long to wait before a feed that failed is opened again.
_PAUSE_SECONDS = 0.5


class Follower:
    """An index that follows a feed. `on_look` is called with it after the fill and after each look."""

    def __init__(self, open_feed: Callable[[], Feed], on_look: Callable[[SearchIndex], None] | None = None) -> None:
        self._open_feed = open_feed
        self._on_look = on_look
        self._lock = Lock()
        self._stop = Event()
        self._index: SearchIndex | None = None
        self._thread: Thread | None = None
        self._looked = 0.0

    def index(self) -> SearchIndex:
        """Return the index; the first call fills it. Raises what the feed raises if it cannot be filled."""
        with self._lock:
            if self._index is None:
                feed = self._open_feed()
                try:
                    watermark = self._fill(feed)
                except BaseException:
                    feed.close()
                    raise
                self._thread = Thread(target=self._follow, args=(feed, watermark), name="search-index", daemon=True)
                self._thread.start()
            assert self._index is not None
            return self._index

    @property
    def age_seconds(self) -> float:
        """How long ago the index was known to be up to date."""
        return monotonic() - self._looked

    def close(self) -> None:
        """Stop following; the index is let go."""
        self._stop.set()
        with self._lock:
            if self._thread is not None:
                self._thread.join()
            if self._index is not None:
                self._index.close()
            self._thread = self._index = None
            self._stop.clear()

    def _fill(self, feed: Feed) -> int:
        self._looked = monotonic()
        nodes, watermark = feed.read_all()
        index, before = SearchIndex(nodes), self._index
        self._tell(index)
        self._index = index
        if before is not None:
            before.close()
        return watermark

    def _follow(self, feed: Feed | None, watermark: int) -> None:
        while not self._stop.is_set():
            try:
                feed = feed or self._open_feed()
                watermark = self._look(feed, watermark)
                feed.wait(_LOOK)
            except Exception as error:  # noqa: BLE001  whatever it was, the next try may do
                _LOG.warning("The search does not hear of changes: %s", error)
                _close(feed)
                feed = None
                self._stop.wait(_PAUSE_SECONDS)
        _close(feed)

    def _look(self, feed: Feed, watermark: int) -> int:
        began = monotonic()
        changes = feed.changes(watermark)
        if changes.watermark < watermark:
            # The database was put back to an older state, or is another one.
            return self._fill(feed)
        assert self._index is not None
        self._index.put(changes.nodes)
        self._index.drop(changes.removed)
        self._tell(self._index)
        self._looked = began
        return changes.watermark

    def _tell(self, index: SearchIndex) -> None:
        if self._on_look is not None:
            self._on_look(index)


def _close(feed: Feed | None) -> None:
    if feed is not None:
        feed.close()


__all__ = ["Follower"]
