"""Brings back what others do to nodes' health in Consul, by a blocking query."""

import logging
from collections.abc import Callable, Mapping, Sequence
from contextlib import AbstractContextManager
from threading import Event
from typing import Any

from omninode.errors import OmninodeError
from registry.background import running
from registry.consul.connection import Connection, consul_errors
from registry.consul.delivery import ConsulDelivery
from registry.consul.sender import health_of
from registry.consul.service import check_notes, status_of
from registry.enums import EnumHealthStatus
from sql.node_rows import HealthReport

_LOG = logging.getLogger(__name__)

_WAIT_SECONDS = 5
_PAUSE_SECONDS = 1.0
#: So the output begins that Consul itself gives the check of a silent node: of that the registry judges by age.
_EXPIRED = "TTL expired"
_PASSING = "passing"
_HEALTH = {_PASSING: EnumHealthStatus.HEALTHY, "warning": EnumHealthStatus.DEGRADED}


class Watcher:
    """Follows the checks of our nodes. What differs from what we have told Consul, somebody else has said.

    `report` gets what others said. The first look takes all checks; after that only those that do not pass are asked
    for, and a node is looked at when it comes among them, changes there, or leaves.
    """

    def __init__(
        self,
        delivery: ConsulDelivery,
        report: Callable[[Sequence[HealthReport]], object],
        *,
        wait_seconds: int = _WAIT_SECONDS,
    ) -> None:
        self._wait_seconds = wait_seconds
        # A blocking query keeps its connection busy, and waits longer than others may.
        self._connection = Connection(delivery.settings, answer_seconds=wait_seconds + 5.0)
        self._delivery, self._report = delivery, report
        #: Up to where Consul's changes were seen; None before the first look, and when the agent counts anew.
        self.index: str | None = None
        #: The nodes that did not pass at the latest look, and how they are.
        self.failing: dict[str, str] = {}

    def step(self) -> int:
        """Wait some seconds for a change; return how many nodes' health was brought back."""
        index, statuses = self._look()
        failing = {node_id: status for node_id, status in statuses.items() if status != _PASSING}
        left = dict.fromkeys(self.failing.keys() - failing.keys(), _PASSING)
        now = statuses | left if self.index is None else failing | left
        changed = {node_id: status for node_id, status in now.items() if self.failing.get(node_id) != status}
        reports = self._reports(changed) if changed else []
        if reports:
            self._report(reports)
        # An agent that was restarted counts anew: who waits for the old number may wait for ever.
        self.index = index if self.index is None or int(index) >= int(self.index) else None
        self.failing = failing
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

    def _look(self) -> tuple[str, dict[str, str]]:
        """Return the index, and what somebody said of each of our nodes; after the first look of those that fail."""
        asked = {"filter": f'Notes == "{check_notes(self._delivery.sender.registry_id)}"'}
        if self.index is not None:
            asked["filter"] += f' and Status != "{_PASSING}"'
            asked |= {"index": self.index, "wait": f"{self._wait_seconds}s"}
        with consul_errors(self._delivery.settings.address):
            index, checks = self._connection.get("/v1/health/state/any", asked)
        if self.index is None and not checks:
            self._complain_if_blind()
        return index, {check["ServiceID"]: check["Status"] for check in checks or () if _is_told(check)}

    def _complain_if_blind(self) -> None:
        if self._delivery.sender.client.statuses(self._delivery.sender.registry_id):
            _LOG.warning(
                "What others say of checks in Consul does not come back: the token does not see them there. Give "
                "CONSUL_HTTP_TOKEN node:read."
            )

    def _reports(self, changed: Mapping[str, str]) -> list[HealthReport]:
        """Of these, keep those of whom Consul says something else although it has heard all that we know.

        The order matters: first what we have told, then what Consul says.
        """
        outbox, node_ids = self._delivery.require_outbox(), list(changed)
        rows = {row["node_id"]: row for row in outbox.nodes(node_ids)}
        owed = outbox.owed(node_ids)
        statuses = self._delivery.sender.client.statuses(self._delivery.sender.registry_id, node_ids)
        return [
            HealthReport(node_id, _HEALTH.get(statuses[node_id], EnumHealthStatus.UNHEALTHY).value, is_heartbeat=False)
            for node_id, row in rows.items()
            if node_id not in owed
            # Of a silent node the registry judges by age, and says so to Consul by and by.
            and row["current_health"] == row["health_status"]
            and statuses.get(node_id) == changed[node_id]
            and statuses[node_id] != status_of(health_of(row))
        ]


def _is_told(check: Mapping[str, Any]) -> bool:
    """Tell whether somebody said this, and not Consul by itself."""
    return not check["Output"].startswith(_EXPIRED)


__all__ = ["Watcher"]
