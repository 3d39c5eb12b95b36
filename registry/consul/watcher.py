"""Brings back what others do to nodes' health in Consul, by a blocking query."""

import logging
from collections.abc import Mapping
from contextlib import AbstractContextManager
from threading import Event
from typing import Any

from omninode.errors import OmninodeError
from registry.background import running
from registry.consul.connection import Connection, consul_errors
from registry.consul.delivery import ConsulDelivery
from registry.consul.sender import health_of
from registry.consul.service import check_id, status_of
from registry.consul.settings import ConsulSettings
from registry.enums import EnumHealthStatus
from sql.node_rows import HealthReport
from sql.node_store import NodeStore

_LOG = logging.getLogger(__name__)

_WAIT_SECONDS = 5
_PAUSE_SECONDS = 1.0
#: What Consul itself says of a silent node: of that the registry judges by age.
_EXPIRED = "TTL expired"
_HEALTH = {"passing": EnumHealthStatus.HEALTHY, "warning": EnumHealthStatus.DEGRADED}


class Watcher:
    """Follows the checks of all services. What differs from what we have told Consul, somebody else has said."""

    def __init__(
        self, settings: ConsulSettings, delivery: ConsulDelivery, nodes: NodeStore, *, wait_seconds: int = _WAIT_SECONDS
    ) -> None:
        self._wait_seconds = wait_seconds
        # A blocking query keeps its connection busy, and waits longer than others may.
        self._settings = settings
        self._connection = Connection(settings, answer_seconds=wait_seconds + 5.0)
        self._delivery, self._nodes = delivery, nodes
        self._index: str | None = None
        self._known: dict[str, str] = {}

    def step(self) -> int:
        """Wait some seconds for a change; return how many nodes' health was brought back. The first look takes all."""
        with consul_errors(self._settings.address):
            index, checks = self._connection.health.state("any", index=self._index, wait=f"{self._wait_seconds}s")
        # An agent that was restarted counts anew: who waits for the old number may wait for ever.
        self._index = index if self._index is None or int(index) >= int(self._index) else None
        now = {check["ServiceID"]: check["Status"] for check in checks or () if _is_told(check)}
        changed = [node_id for node_id, status in now.items() if self._known.get(node_id) != status]
        self._known = now
        reports = self._reports(changed) if changed else []
        if reports:
            self._nodes.report_health(reports)
        return len(reports)

    def running(self) -> AbstractContextManager[None]:
        """Follow on a thread meanwhile."""
        return running(self._run, "registry-watcher")

    def close(self) -> None:
        """Close the connection."""
        self._connection.close()

    def _run(self, stop: Event) -> None:
        while not stop.is_set():
            try:
                self.step()
            except OmninodeError as error:
                _LOG.debug("Consul cannot be followed: %s", error)
                stop.wait(_PAUSE_SECONDS)

    def _reports(self, node_ids: list[str]) -> list[HealthReport]:
        """Of these, keep those of whom Consul says something else although it has heard all that we know.

        The order matters: first what we have told, then what Consul says.
        """
        outbox = self._delivery.require_outbox()
        rows = {row["node_id"]: row for row in outbox.nodes(node_ids)}
        owed = outbox.owed(node_ids)
        statuses = self._delivery.sender.client.statuses()
        return [
            HealthReport(node_id, _HEALTH.get(statuses[node_id], EnumHealthStatus.UNHEALTHY).value, is_heartbeat=False)
            for node_id, row in rows.items()
            if node_id not in owed
            # Of a silent node the registry judges by age, and says so to Consul by and by.
            and row["current_health"] == row["health_status"]
            and statuses.get(node_id) == self._known[node_id]
            and statuses[node_id] != status_of(health_of(row))
        ]


def _is_told(check: Mapping[str, Any]) -> bool:
    """Tell whether somebody said this of a service by its check."""
    service = check["ServiceID"]
    return bool(service) and check["CheckID"] == check_id(service) and check["Output"] != _EXPIRED


__all__ = ["Watcher"]
