"""Commits one micro-batch at a time in a thread of its own, and tries again while the lake cannot be written."""

import logging
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor, wait
from dataclasses import dataclass, field
from threading import Event, Lock
from time import monotonic

import polars as pl

from ingest.errors import LakeFailure, TopicReplaced
from ingest.lake import Lake
from ingest.micro_batch import Change, MicroBatch
from ingest.policy import RetryPolicy
from ingest.topics import Topics

log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Committed:
    """A micro-batch that is in the lake."""

    change: Change
    batch: MicroBatch

    @property
    def events(self) -> pl.DataFrame:
        """The rows that came to the events."""
        return self.batch.events

    @property
    def dead_letters(self) -> pl.DataFrame:
        """The messages that were refused."""
        return self.batch.dead_letters


@dataclass(slots=True)
class Committer:
    """At most one micro-batch is under way. Use it as a context manager: leaving waits for the one under way."""

    lake: Lake
    topics: Topics
    retry: RetryPolicy
    #: Set by whoever wants an end: a lake that fails is tried once more then, not for good.
    stop: Event
    #: Held while the lake is being written: two threads must not use it at once.
    lock: Lock = field(init=False, default_factory=Lock)
    _leaving: Event = field(init=False, default_factory=Event)
    _thread: ThreadPoolExecutor = field(
        init=False, default_factory=lambda: ThreadPoolExecutor(1, thread_name_prefix="commit")
    )
    _pending: "Future[Committed] | None" = field(init=False, default=None)

    def __enter__(self) -> "Committer":
        return self

    def __exit__(self, *_: object) -> None:
        self._leaving.set()
        self._thread.shutdown()

    @property
    def is_busy(self) -> bool:
        """Whether a commit is under way, or has ended and nobody has taken its result."""
        return self._pending is not None

    def submit(self, batch: MicroBatch) -> None:
        """Begin to commit; the result of the one before must have been taken."""
        assert self._pending is None
        self._pending = self._thread.submit(self._commit, batch)

    def is_done_within(self, seconds: float) -> bool:
        """Wait for the commit under way, and tell whether there is none any more."""
        return self._pending is None or bool(wait([self._pending], seconds).done)

    def take(self) -> Committed | None:
        """Wait for the commit under way and return it; None if there was none.

        Raises `Fenced` if another writer was first, `TopicReplaced` if what was read is of a topic that is no more,
        and `LakeFailure` if the lake was given up.
        """
        pending, self._pending = self._pending, None
        return None if pending is None else pending.result()

    def _commit(self, batch: MicroBatch) -> Committed:
        if replaced := self.topics.replaced(batch.advances):
            raise TopicReplaced(replaced)
        return Committed(self._persistently(batch), batch)

    def _persistently(self, batch: MicroBatch) -> Change:
        began, failures = monotonic(), 0
        attempt: Callable[[MicroBatch], Change] = self.lake.append
        while True:
            try:
                with self.lock:
                    return attempt(batch)
            except LakeFailure as error:
                failures += 1
                if self._is_enough(began):
                    raise
                if failures == 1:
                    log.warning("%s; nothing is lost, trying again until it can be written", error)
                self.stop.wait(self.retry.pause_seconds(failures))
                attempt = self._append_unless_there

    def _is_enough(self, began: float) -> bool:
        is_over = monotonic() - began > self.retry.give_up_seconds
        return is_over or self.stop.is_set() or self._leaving.is_set()

    def _append_unless_there(self, batch: MicroBatch) -> Change:
        # What failed may have been something after the commit, such as a checkpoint.
        return self.lake.find(batch) or self.lake.append(batch)
