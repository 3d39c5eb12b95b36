"""What has to be done from time to time: expiries by age, and the comparison with Consul."""

import logging
from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager
from threading import Event
from time import monotonic

from omninode.errors import OmninodeError
from registry.background import running
from registry.consul.delivery import ConsulDelivery
from registry.expiry import LATELY, is_held
from registry.reconcile.reconciler import Reconciler
from sql.connections import Connections
from sql.expiry_store import ExpiryStore, Silence
from sql.node_rows import NodeRow
from sql.outbox_store import OutboxStore

_LOG = logging.getLogger(__name__)

_TICK_SECONDS = 2.0
_RECONCILE_SECONDS = 300.0
#: What could not be compared, or repaired, is looked at again sooner.
_AGAIN_SECONDS = 10.0
#: Consul fails by itself whom nobody confirms: while expiries are held back, that is done so often.
_CONFIRM_SECONDS = 30.0


class Keeper:
    """Tells searches and Consul what silence does to nodes, holds mass expiries back, and reconciles. For one thread.

    Without a delivery there is no Consul, and only the rest is done. Any number of keepers may work on one database.
    `on_aged` is told of nodes whose health silence has changed, or its end: their rows, with `current_health`.
    """

    def __init__(
        self,
        connections: Connections,
        delivery: ConsulDelivery | None,
        *,
        on_aged: Callable[[Sequence[NodeRow]], object] = lambda _: None,
        clock: Callable[[], float] = monotonic,
        reconcile_seconds: float = _RECONCILE_SECONDS,
    ) -> None:
        self._expiries = ExpiryStore(connections)
        self._outbox = OutboxStore(connections)
        self._on_aged = on_aged
        self._delivery = delivery
        self._reconciler = None if delivery is None else Reconciler(delivery)
        self._clock = clock
        self._reconcile_seconds = reconcile_seconds
        self._told: dict[str, Silence] = {}
        self._confirm_at = 0.0
        self._reconcile_at = 0.0
        self._consistency: float | None = None
        if delivery is not None:
            delivery.relay.on_return = self.note_return

    def consistency(self) -> float | None:
        """Return the share of nodes that were equal at the latest comparison; None if there was none."""
        return self._consistency

    def note_return(self) -> None:
        """Consul is back, perhaps empty: compare at once."""
        self._reconcile_at = 0.0

    def tick(self) -> None:
        """Do what is due."""
        is_braked = self._brake()
        silent = self._expiries.silent()
        changed = [node_id for node_id, now in silent.items() if now.health != self._shown(node_id)]
        back = [node_id for node_id in self._told if node_id not in silent]
        self._expiries.touch(changed)
        self._tell([*changed, *back])
        if self._delivery is not None and self._reconciler is not None:
            if is_braked and self._clock() >= self._confirm_at:
                self._confirm_at = self._clock() + _CONFIRM_SECONDS
                changed = list(silent)
            self._outbox.owe([*changed, *back], only_health=True)
            if self._clock() >= self._reconcile_at:
                self._reconcile_at = self._clock() + self._reconcile_seconds
                self._reconcile(self._reconciler)
        self._told = silent

    def _shown(self, node_id: str) -> str | None:
        told = self._told.get(node_id)
        return None if told is None else told.health

    def _tell(self, node_ids: Sequence[str]) -> None:
        """Tell of those that are shown otherwise than before: what a new revision says was told by whoever made it."""
        aged = [row for row in self._outbox.nodes(node_ids) if self._is_news(row)] if node_ids else []
        if aged:
            self._on_aged(aged)

    def _is_news(self, row: NodeRow) -> bool:
        told = self._told.get(row["node_id"], Silence(row["health_status"], row["revision"]))
        return bool(row["current_health"] != told.health and row["revision"] == told.revision)

    def running(self) -> AbstractContextManager[None]:
        """Work on a thread meanwhile."""
        return running(self._run, "registry-keeper")

    def _run(self, stop: Event) -> None:
        while not stop.wait(_TICK_SECONDS):
            try:
                self.tick()
            except OmninodeError as error:
                _LOG.warning("The registry's upkeep has to wait: %s", error)

    def _brake(self) -> bool:
        found = self._expiries.count(LATELY)
        held = is_held(found)
        self._expiries.note_look(is_held=held)
        if held != (found.held_since is not None):
            what = "are held back: likelier we do not hear" if held else "count again"
            _LOG.warning("%d of %d nodes are silent; expiries %s", found.silent, found.nodes, what)
        return held

    def _reconcile(self, reconciler: Reconciler) -> None:
        try:
            report = reconciler.run()
        except OmninodeError as error:
            self._consistency = None
            self._reconcile_at = self._clock() + _AGAIN_SECONDS
            _LOG.warning("Consul and Postgres could not be compared: %s", error)
            return
        self._consistency = report.left.consistency
        if report.left.consistency < 1:
            self._reconcile_at = self._clock() + _AGAIN_SECONDS
        if report.found.consistency < 1:
            _LOG.info("reconciled: consistency %.4f, before %.4f", report.left.consistency, report.found.consistency)


__all__ = ["Keeper"]
