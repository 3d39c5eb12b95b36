"""Brings to Consul what is still owed: after a death, a failure, or a time when it was away."""

import logging
from collections.abc import Callable, Sequence
from datetime import timedelta
from threading import Event, Lock, Thread

from omninode.errors import OmninodeError
from registry.consul.errors import ConsulError
from registry.consul.outbox import Outbox
from registry.consul.sender import NOT_BEGUN, Sender
from registry.discovery import Owed
from sql.outbox_store import Claimed, Sent

_LOG = logging.getLogger(__name__)

_BATCH = 50
_LOOK_SECONDS = 0.5
#: A batch that is sent is sent in this time, or has failed; the lease is longer than both.
_SEND_SECONDS = 10.0
_LEASE = timedelta(seconds=20)
_LONGEST_DELAY_SECONDS = 60.0


def delay_seconds(attempts: int, share: float) -> float:
    """Return how long to wait after so many failed attempts; `share` in [0, 1) is the luck of the draw.

    >>> [delay_seconds(attempts, share) for attempts, share in ((1, 0.0), (1, 0.5), (4, 0.0), (40, 0.0))]
    [1.0, 1.25, 8.0, 60.0]
    """
    delay: float = min(2.0 ** (attempts - 1), _LONGEST_DELAY_SECONDS)
    return delay * (1 + share / 2)


class Relay:
    """Claims what is due and sends it. Any number of relays may work on one outbox, and die at any point."""

    def __init__(self, outbox: Outbox, sender: Sender, luck: Callable[[], float]) -> None:
        self._outbox, self._sender = outbox, sender
        self._luck = luck
        #: Is called once Consul answers again after it was away: it may have forgotten everything.
        self.on_return: Callable[[], None] = _nothing
        self._stop = Event()
        self._thread: Thread | None = None
        self._lock = Lock()
        self._sent: dict[str, Sent] = {}
        self._unmarked: list[str] = []

    def start(self) -> None:
        """Work on a thread until `stop`."""
        self._thread = Thread(target=self._run, name="registry-relay", daemon=True)
        self._thread.start()

    def stop(self) -> None:
        """End the thread."""
        self._stop.set()
        if self._thread is not None:
            self._thread.join()
        self._guarded(self.note)

    def note_sent(self, owed: Sequence[Owed | Claimed]) -> None:
        """Have the outbox told, soon, that Consul has heard these. If that is forgotten they are sent once more."""
        with self._lock:
            self._sent |= {one.node_id: Sent(one.node_id, one.revision, one.node is None) for one in owed}
            self._unmarked += unmarked(owed)

    def note(self) -> None:
        """Tell the outbox what Consul has heard, many at once: whoever registers does not wait for that."""
        with self._lock:
            sent, self._sent = list(self._sent.values()), {}
            marked, self._unmarked = self._unmarked, []
        if sent:
            self._outbox.settle(sent)
        if marked:
            self._outbox.mark(marked)

    def step(self) -> int:
        """Send one batch of what is due; return how many were claimed. With Consul away nothing is claimed."""
        self.note()
        if not self._is_there():
            return 0
        claimed = self._outbox.claim(limit=_BATCH, lease=_LEASE)
        if claimed:
            self._settle(claimed, self._sender.send(claimed, longest_seconds=_SEND_SECONDS))
        return len(claimed)

    def _settle(self, claimed: Sequence[Claimed], wrong: Sequence[str | None]) -> None:
        arrived = [one for one, why in zip(claimed, wrong, strict=True) if why is None]
        self.note_sent(arrived)
        self.note()
        late = [(one, why) for one, why in zip(claimed, wrong, strict=True) if why is not None]
        for reason in {why for _, why in late}:
            those = [one for one, why in late if why == reason]
            self._outbox.postpone(those, [self._delay(one, reason) for one in those], reason)

    def _delay(self, one: Claimed, reason: str) -> float:
        """A node whose turn did not come waits no longer for it, nor one that met a Consul that is away."""
        if reason == NOT_BEGUN:
            return 0.0
        return delay_seconds(1 if self._sender.breaker.is_open else one.attempts, self._luck())

    def _is_there(self) -> bool:
        breaker = self._sender.breaker
        if not breaker.is_open:
            return True
        try:
            self._sender.client.ping()
        except ConsulError:
            return False
        if breaker.note_success():
            _LOG.info("Consul answers again")
            self.on_return()
        return True

    def _run(self) -> None:
        claimed = 0
        while not self._stop.wait(0 if claimed == _BATCH else _LOOK_SECONDS):
            claimed = self._guarded(self.step) or 0

    def _guarded(self, work: Callable[[], int | None]) -> int | None:
        try:
            return work()
        except OmninodeError as error:
            _LOG.debug("What is owed to Consul has to wait: %s", error)
            return None


def unmarked(owed: Sequence[Owed | Claimed]) -> list[str]:
    """Return those whose rows do not show yet that Consul has them."""
    return [one.node_id for one in owed if one.node is not None and not one.node.get("consul_registered")]


def _nothing() -> None:
    """Nobody wants to know."""


__all__ = ["Relay", "delay_seconds", "unmarked"]
