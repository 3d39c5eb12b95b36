"""How a registry's changes get to Consul: at once by who makes them, else by the relay."""

import logging
import random
from collections.abc import Callable, Mapping, Sequence
from contextlib import ExitStack
from pathlib import Path
from types import TracebackType
from typing import Self

from omninode.errors import BadInput
from omninode.settings import Settings
from registry.consul.breaker import Breaker
from registry.consul.client import ConsulClient
from registry.consul.embedded import consul_program, embedded_consul, is_kept
from registry.consul.outbox import NoOutbox, Outbox
from registry.consul.relay import Relay
from registry.consul.sender import NOT_BEGUN, Sender
from registry.consul.settings import ConsulSettings
from registry.discovery import Owed
from sql.connections import Connections
from sql.outbox_store import OutboxStore

_LOG = logging.getLogger(__name__)

#: The caller is not held up longer; what has not been sent by then is the relay's.
_LONGEST_SECONDS = 5.0

_NO_CONSUL = "There is none: set CONSUL_HTTP_ADDR, or put its program on the PATH."


class ConsulDelivery:
    """See `registry.discovery.Delivery`. It brings a relay of its own, which works until `close`."""

    def __init__(
        self,
        settings: ConsulSettings,
        postgres_url: str | None,
        *,
        luck: Callable[[], float] = random.random,
    ) -> None:
        """Without a database the caller keeps what did not arrive. `luck` spreads the attempts of many relays."""
        self._stack = ExitStack()
        self.connections = None if postgres_url is None else Connections(postgres_url)
        self._outbox: Outbox = NoOutbox()
        if self.connections is not None:
            self._stack.callback(self.connections.close)
            self._outbox = OutboxStore(self.connections)
        self.settings = settings
        self.sender = Sender(ConsulClient(settings), self._outbox, Breaker())
        self._stack.callback(self.sender.close)
        self.relay = Relay(self._outbox, self.sender, luck)

    def start(self) -> Self:
        """Let the relay work."""
        self.relay.start()
        self._stack.callback(self.relay.stop)
        return self

    def deliver(self, owed: Sequence[Owed]) -> list[str | None]:
        """See `Delivery`."""
        if self.sender.breaker.is_open:
            return [NOT_BEGUN] * len(owed)
        wrong = self.sender.send(owed, longest_seconds=_LONGEST_SECONDS)
        self.relay.note_sent([one for one, why in zip(owed, wrong, strict=True) if why is None])
        return wrong

    def require_outbox(self) -> OutboxStore:
        """Return the outbox. Raises `BadInput` if the nodes are in memory."""
        if not isinstance(self._outbox, OutboxStore):
            raise BadInput("nodes in memory cannot be compared with Consul: use Postgres")
        return self._outbox

    def close(self) -> None:
        """Stop. What is owed waits in the database for the next relay."""
        self._stack.close()

    def __enter__(self) -> Self:
        """Use it as a context manager to have it closed."""
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()


class NoConsul:
    """The delivery where there is no Consul: nothing arrives, and all waits in the outbox for one."""

    def deliver(self, owed: Sequence[Owed]) -> list[str | None]:
        """See `Delivery`."""
        return [_NO_CONSUL] * len(owed)

    def close(self) -> None:
        """There is nothing to give back."""


class _EmbeddedDelivery(ConsulDelivery):
    """A delivery that keeps the agent of a folder running."""

    def __init__(self, folder: Path, postgres_url: str | None) -> None:
        self._agent = ExitStack()
        address = self._agent.enter_context(embedded_consul(folder))
        try:
            super().__init__(ConsulSettings.read({"CONSUL_HTTP_ADDR": address}), postgres_url)
        except BaseException:
            self._agent.close()
            raise

    def close(self) -> None:
        super().close()
        self._agent.close()


def is_wanted(environment: Mapping[str, str]) -> bool:
    """Tell whether there is a Consul to bring nodes to: one that is set, or a program of our own."""
    return bool(environment.get("CONSUL_HTTP_ADDR", "").strip()) or consul_program() is not None


def default_delivery(
    postgres_url: str | None, environment: Mapping[str, str], *, home: Path | None = None, is_lasting: bool = False
) -> ConsulDelivery | NoConsul:
    """Return what brings changes to the Consul that the environment names by CONSUL_HTTP_ADDR.

    Without that it is an agent of our own, if there is a program `consul` on the PATH, shared by all that use the
    folder `home`; else there is none. A warning says so, and that our own agent forgets its nodes, unless the caller
    keeps it running (`is_lasting`).
    """
    if environment.get("CONSUL_HTTP_ADDR", "").strip():
        return ConsulDelivery(ConsulSettings.read(environment), postgres_url).start()
    if not is_wanted(environment):
        _LOG.warning(
            "No Consul: nodes are registered without it. Set CONSUL_HTTP_ADDR, or put the program consul on the PATH."
        )
        return NoConsul()
    folder = (home or Settings.read(environment, folder=Path.cwd()).home) / "consul"
    if not is_lasting and not is_kept(folder):
        _LOG.warning(
            "The embedded Consul forgets its nodes when the last of its users ends. Set CONSUL_HTTP_ADDR to one that "
            "stays, or keep `omninode up` running."
        )
    return _EmbeddedDelivery(folder, postgres_url).start()


__all__ = ["ConsulDelivery", "NoConsul", "default_delivery", "is_wanted"]
