"""Brings Consul back to what Postgres says, by owing every difference to the relay."""

from collections.abc import Sequence
from dataclasses import dataclass
from time import monotonic, sleep

from registry.consul.delivery import ConsulDelivery
from registry.reconcile.plan import Plan, make_plan

#: So long other relays may take for what they have claimed.
_OTHERS_SECONDS = 15.0


@dataclass(frozen=True, slots=True)
class ReconcileReport:
    """What was found and done. After a dry run `left` is what was found."""

    found: Plan
    left: Plan
    owed: int
    seconds: float
    is_dry_run: bool


class Reconciler:
    """Works over a delivery that has a database.

    Every repair goes by the outbox: so it meets no change that is made meanwhile, and a death leaves the rest to the
    next relay.
    """

    def __init__(self, delivery: ConsulDelivery) -> None:
        self._delivery = delivery
        self._outbox = delivery.require_outbox()

    def look(self) -> Plan:
        """Compare both. Raises `ConsulError` if Consul does not answer or may show us less than there is."""
        # Consul first: what is registered after that look only seems to be missing there, and is sent once more.
        client, registry_id = self._delivery.sender.client, self._delivery.sender.registry_id
        services, statuses = client.services(), client.statuses(registry_id)
        return make_plan(self._outbox.nodes(), services, statuses, registry_id)

    def run(self, *, is_dry_run: bool = False, takes_over: bool = False) -> ReconcileReport:
        """Repair what differs, and look again. Raises what `look` raises, before anything is done.

        `takes_over`: services of others that have the id of a node are removed, and the nodes registered.
        """
        began = monotonic()
        found = left = self.look()
        if not is_dry_run:
            if takes_over:
                self._take_over(found.foreign)
            self._repair(found)
            left = self.look()
            self._outbox.mark(left.equal)
        return ReconcileReport(found, left, self._outbox.count(), monotonic() - began, is_dry_run)

    def _take_over(self, node_ids: Sequence[str]) -> None:
        for node_id in node_ids:
            self._delivery.sender.client.deregister(node_id)
        self._outbox.owe(node_ids)

    def _repair(self, plan: Plan) -> None:
        self._outbox.owe(plan.health, only_health=True)
        self._outbox.owe([*plan.register, *plan.update, *plan.remove])
        self._outbox.release()
        relay, breaker = self._delivery.relay, self._delivery.sender.breaker
        alone_since = monotonic()
        while monotonic() - alone_since < _OTHERS_SECONDS:
            if relay.step():
                alone_since = monotonic()
            elif breaker.is_open or not self._outbox.count_due():
                return
            else:
                sleep(0.1)


__all__ = ["ReconcileReport", "Reconciler"]
