"""Hands changes to service discovery: at once for few nodes, in the background for many."""

import logging
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from threading import Event, Lock, Thread

from registry.backend import Outcome
from registry.discovery import Delivery, Owed
from registry.turns import Turns
from sql.node_rows import Written

_LOG = logging.getLogger(__name__)

#: The caller waits for so many nodes to arrive in Consul; more are on their way when he gets his answer.
MOST_AWAITED = 50
#: Who changes one of the nodes that are on their way waits for no more than so many of them.
_GROUP = 20
_PAUSE_SECONDS = 2.0
#: Why a node is not there yet, if nothing is wrong.
ON_ITS_WAY = "It is on its way."


class Debts:
    """What this process brings to Consul.

    What does not arrive is in the outbox, for the relay. Where there is no outbox, since the nodes are in memory, it is
    kept here and tried again.
    """

    def __init__(self, delivery: Delivery | None, *, has_outbox: bool) -> None:
        self._delivery = delivery
        self.has_outbox = has_outbox
        self._turns = Turns()
        self._background = ThreadPoolExecutor(1, thread_name_prefix="registry-delivery")
        self._lock = Lock()
        self._unpaid: dict[str, Owed] = {}
        self._stop = Event()
        self._retrier: Thread | None = None

    @property
    def is_wanted(self) -> bool:
        """Tell whether nodes are to be in Consul at all."""
        return self._delivery is not None

    def pay(self, outcomes: Sequence[Outcome | None]) -> dict[str, str | None]:
        """Deliver what was written, and return of each node why Consul does not have it yet, None if it has."""
        owed = _owed([outcome for outcome in outcomes if isinstance(outcome, Written)])
        if self._delivery is None or not owed:
            return {}
        self._turns.announce(_revisions(owed))
        if len(owed) <= MOST_AWAITED:
            return self._deliver(owed, self._delivery)
        for start in range(0, len(owed), _GROUP):
            self._background.submit(self._deliver, owed[start : start + _GROUP], self._delivery)
        return dict.fromkeys((one.node_id for one in owed), ON_ITS_WAY)

    def close(self) -> None:
        """Stop; what has not begun stays in the outbox."""
        self._stop.set()
        self._background.shutdown(cancel_futures=True)
        if self._retrier is not None:
            self._retrier.join()

    def _deliver(self, owed: Sequence[Owed], delivery: Delivery, *, is_retry: bool = False) -> dict[str, str | None]:
        wrong: dict[str, str | None] = dict.fromkeys((one.node_id for one in owed), ON_ITS_WAY)
        try:
            with self._turns.taken(_revisions(owed)) as current:
                wanted = [one for one in owed if one.node_id in current and not (is_retry and self._is_paid(one))]
                whys = delivery.deliver(wanted) if wanted else []
                wrong |= {one.node_id: why for one, why in zip(wanted, whys, strict=True)}
                if not self.has_outbox:
                    self._remember(wanted, wrong)
        except Exception:  # noqa: BLE001 - in the background nobody else would hear of it
            _LOG.exception("A change could not be brought to Consul")
        finally:
            self._turns.done(wrong)
        return wrong

    def _remember(self, delivered: Sequence[Owed], wrong: dict[str, str | None]) -> None:
        with self._lock:
            for one in delivered:
                before = self._unpaid.pop(one.node_id, one)
                if wrong[one.node_id] is not None:
                    self._unpaid[one.node_id] = replace(one, only_health=one.only_health and before.only_health)
            if self._unpaid and self._retrier is None and not self._stop.is_set():
                self._retrier = Thread(target=self._retry, name="registry-debts", daemon=True)
                self._retrier.start()

    def _retry(self) -> None:
        while not self._stop.wait(_PAUSE_SECONDS):
            with self._lock:
                owed = list(self._unpaid.values())
                if not owed:
                    self._retrier = None
                    return
            if self._delivery is not None:
                for start in range(0, len(owed), _GROUP):
                    group = owed[start : start + _GROUP]
                    self._turns.announce(_revisions(group))
                    self._deliver(group, self._delivery, is_retry=True)

    def _is_paid(self, owed: Owed) -> bool:
        """Tell whether what was to be tried again has been done meanwhile."""
        with self._lock:
            return self._unpaid.get(owed.node_id) is not owed


def _revisions(owed: Sequence[Owed]) -> dict[str, int]:
    return {one.node_id: one.revision for one in owed}


def _owed(written: Sequence[Written]) -> list[Owed]:
    """Of several changes of one node the last is owed."""
    last = {one.node_id: one for one in written}
    whole = {one.node_id for one in written if not one.only_health}
    return [Owed(node_id, one.revision, one.row, node_id not in whole) for node_id, one in last.items()]


__all__ = ["MOST_AWAITED", "ON_ITS_WAY", "Debts"]
