"""Hands changes to service discovery: at once for few nodes, in the background for many."""

from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor

from registry.backend import Outcome
from registry.discovery import Delivery, Owed
from sql.node_rows import Written

#: The caller waits for so many nodes to arrive in Consul; more are on their way when he gets his answer.
MOST_AWAITED = 50


class Debts:
    """What this process brings to Consul. What it does not get there is in the outbox, for the relay."""

    def __init__(self, delivery: Delivery | None, *, has_outbox: bool) -> None:
        self._delivery = delivery
        self.has_outbox = has_outbox
        self._background = ThreadPoolExecutor(1, thread_name_prefix="registry-delivery")

    @property
    def is_wanted(self) -> bool:
        """Tell whether nodes are to be in Consul at all."""
        return self._delivery is not None

    def pay(self, outcomes: Sequence[Outcome | None]) -> dict[str, bool]:
        """Deliver what was written, and return of each node whether Consul has it now."""
        owed = _owed([outcome for outcome in outcomes if isinstance(outcome, Written)])
        if self._delivery is None or not owed:
            return {}
        if len(owed) > MOST_AWAITED:
            self._background.submit(self._delivery.deliver, owed)
            return dict.fromkeys((one.node_id for one in owed), False)
        arrived = self._delivery.deliver(owed)
        return {one.node_id: has for one, has in zip(owed, arrived, strict=True)}

    def close(self) -> None:
        """Stop; what has not begun stays in the outbox."""
        self._background.shutdown(cancel_futures=True)


def _owed(written: Sequence[Written]) -> list[Owed]:
    """Of several changes of one node the last is owed."""
    last = {one.node_id: one for one in written}
    whole = {one.node_id for one in written if not one.only_health}
    return [Owed(node_id, one.revision, one.row, node_id not in whole) for node_id, one in last.items()]


__all__ = ["MOST_AWAITED", "Debts"]
