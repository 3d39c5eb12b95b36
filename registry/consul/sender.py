"""Sends nodes to Consul, a few at a time, as long as it answers."""

import logging
from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from functools import cached_property
from time import monotonic
from typing import Any

from registry.consul.breaker import Breaker
from registry.consul.client import ConsulClient
from registry.consul.errors import ConsulAway, ConsulError, NotOurs, UnknownCheck
from registry.consul.outbox import Outbox
from registry.consul.service import Service, check_seconds, service_of, status_of
from registry.discovery import Owed
from registry.enums import EnumHealthStatus
from sql.outbox_store import Claimed

_LOG = logging.getLogger(__name__)

#: The agent takes one after the other; more at once only fill the time on the network.
_THREADS = 2

#: The same trouble is not logged again before.
_SILENT_SECONDS = 60.0

#: Why a node was not sent, if that was not tried.
NOT_BEGUN = "Consul is away, or too slow"


class Sender:
    """Makes Consul's services be like nodes. Any thread may use it."""

    def __init__(self, client: ConsulClient, outbox: Outbox, breaker: Breaker) -> None:
        self.client = client
        self.breaker = breaker
        self._outbox = outbox
        self._silent_until: dict[str, float] = {}
        self._threads = ThreadPoolExecutor(_THREADS, thread_name_prefix="registry-consul")

    @cached_property
    def registry_id(self) -> str:
        """Return the mark of what is ours in Consul."""
        return self._outbox.registry_id()

    def send(self, owed: Sequence[Owed | Claimed], *, longest_seconds: float) -> list[str | None]:
        """Send each, and return what went wrong with it, None if nothing.

        After so many seconds, or once Consul is away, no further one is begun.
        """
        until = monotonic() + longest_seconds
        registry_id = self.registry_id
        if len(owed) == 1:
            wrong = [self._try(owed[0], registry_id, until)]
        else:
            wrong = list(self._threads.map(lambda one: self._try(one, registry_id, until), owed))
        self._complain(owed, wrong)
        return wrong

    def close(self) -> None:
        """Close what is open to Consul."""
        self._threads.shutdown(cancel_futures=True)
        self.client.close()

    def _complain(self, owed: Sequence[Owed | Claimed], wrong: Sequence[str | None]) -> None:
        """Log each reason once for all nodes that it keeps from Consul, and not again within a minute."""
        for why in {why for why in wrong if why is not None and why != NOT_BEGUN}:
            late = [one.node_id for one, reason in zip(owed, wrong, strict=True) if reason == why]
            if monotonic() >= self._silent_until.get(why, 0.0):
                who = f"node {late[0]}" + (f" and {len(late) - 1:,} more" if len(late) > 1 else "")
                _LOG.warning("Consul does not have %s yet: %s", who, why)
                self._silent_until = {**self._lately(), why: monotonic() + _SILENT_SECONDS}

    def _lately(self) -> dict[str, float]:
        now = monotonic()
        return {why: until for why, until in self._silent_until.items() if until > now}

    def _try(self, one: Owed | Claimed, registry_id: str, until: float) -> str | None:
        if self.breaker.is_open or monotonic() > until:
            return NOT_BEGUN
        try:
            self._send(one, registry_id)
        except ConsulError as error:
            if isinstance(error, ConsulAway):
                self.breaker.note_failure()
            return str(error)
        return None

    def _send(self, one: Owed | Claimed, registry_id: str) -> None:
        if one.node is None:
            there = self.client.service(one.node_id)
            if there is not None and there.registry_id == registry_id:
                self.client.deregister(one.node_id)
            return
        status = status_of(health_of(one.node))
        if not (one.only_health and self._is_there(one, registry_id) and self._has_reported(one.node_id, status)):
            self._register(one.node, registry_id, status)

    def _is_there(self, one: Owed | Claimed, registry_id: str) -> bool:
        """Tell whether the agent has the node, as far as we know; ask if we do not."""
        has = one.node is not None and bool(one.node.get("consul_registered"))
        return has or self._ours(one.node_id, registry_id) is not None

    def _has_reported(self, node_id: str, status: str) -> bool:
        """Report, and return False if the agent has forgotten the node."""
        try:
            self.client.report(node_id, status)
        except UnknownCheck:
            return False
        return True

    def _register(self, node: Mapping[str, Any], registry_id: str, status: str) -> None:
        service = service_of(node, registry_id)
        is_there = self._ours(service.service_id, registry_id) is not None
        self.client.register(service, status=status, ttl_seconds=check_seconds(node["ttl_seconds"]))
        if is_there:
            # A check that is there already keeps its status, whatever the registration says.
            self.client.report(service.service_id, status)

    def _ours(self, service_id: str, registry_id: str) -> Service | None:
        """Return the service that is there. Raises `NotOurs` if it is not this registry's."""
        there = self.client.service(service_id)
        if there is not None and there.registry_id != registry_id:
            raise NotOurs(
                "There somebody else has a service of this id. Remove that one, or have it taken over by `omninode "
                "registry reconcile --take-over`."
            )
        return there


def health_of(node: Mapping[str, Any]) -> str:
    """Return a node's health: by age if the row tells that, else what was last said of it."""
    return str(node.get("current_health") or node["health_status"] or EnumHealthStatus.UNKNOWN.value)


__all__ = ["NOT_BEGUN", "Sender", "health_of"]
