"""Sends nodes to Consul, a few at a time, as long as it answers."""

import logging
from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from functools import cached_property
from time import monotonic
from typing import Any

from registry.consul.breaker import Breaker
from registry.consul.client import ConsulClient
from registry.consul.errors import ConsulAway, ConsulError, UnknownCheck
from registry.consul.outbox import Outbox
from registry.consul.service import check_seconds, service_of, status_of
from registry.discovery import Owed
from registry.enums import EnumHealthStatus
from sql.outbox_store import Claimed

_LOG = logging.getLogger(__name__)

#: The agent takes one after the other; more at once only fill the time on the network.
_THREADS = 2

#: Why a node was not sent, if that was not tried.
NOT_BEGUN = "Consul is away, or too slow"


class Sender:
    """Makes Consul's services be like nodes. Any thread may use it."""

    def __init__(self, client: ConsulClient, outbox: Outbox, breaker: Breaker) -> None:
        self.client = client
        self.breaker = breaker
        self._outbox = outbox
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
            return [self._try(owed[0], registry_id, until)]
        return list(self._threads.map(lambda one: self._try(one, registry_id, until), owed))

    def close(self) -> None:
        """Close what is open to Consul."""
        self._threads.shutdown(cancel_futures=True)
        self.client.close()

    def _try(self, one: Owed | Claimed, registry_id: str, until: float) -> str | None:
        if self.breaker.is_open or monotonic() > until:
            return NOT_BEGUN
        try:
            self._send(one, registry_id)
        except ConsulError as error:
            if isinstance(error, ConsulAway):
                self.breaker.note_failure()
            _LOG.warning("Consul does not have node %s yet: %s", one.node_id, error)
            return str(error)
        return None

    def _send(self, one: Owed | Claimed, registry_id: str) -> None:
        if one.node is None:
            self.client.deregister(one.node_id)
            return
        status = status_of(health_of(one.node))
        if one.only_health:
            try:
                self.client.report(one.node_id, status)
            except UnknownCheck:
                # The agent has forgotten the node.
                pass
            else:
                return
        service = service_of(one.node, registry_id)
        self.client.register(service, status=status, ttl_seconds=check_seconds(one.node["ttl_seconds"]))
        if isinstance(one, Claimed) or one.node["last_heartbeat"] is not None:
            # A check that is there already keeps its status, whatever the registration says. Only the first
            # registration of a node is no sign of life beside it, so that only then there is none yet.
            self.client.report(one.node_id, status)


def health_of(node: Mapping[str, Any]) -> str:
    """Return a node's health: by age if the row tells that, else what was last said of it."""
    return str(node.get("current_health") or node["health_status"] or EnumHealthStatus.UNKNOWN.value)


__all__ = ["NOT_BEGUN", "Sender", "health_of"]
