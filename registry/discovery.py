"""What the registry owes to service discovery, and who brings it there."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Protocol


@dataclass(frozen=True, slots=True)
class Owed:
    """A change of a node that is durable in Postgres, and that Consul has yet to hear of.

    `node` is the row of registered_nodes by column as it was at this revision, None if the node is to be removed.
    `only_health`: nothing but its health changed.
    """

    node_id: str
    revision: int
    node: Mapping[str, Any] | None
    only_health: bool


class Delivery(Protocol):
    """Brings what is owed to Consul there, and takes what has arrived out of the outbox."""

    def deliver(self, owed: Sequence[Owed]) -> Sequence[str | None]:
        """Return of each, in this order, why Consul does not have it yet, None if it has.

        A Consul that is away or refuses is no error: what did not arrive stays in the outbox. The time is bounded, and
        a Consul known to be away is not waited for. Any thread may call it.
        """


__all__ = ["Delivery", "Owed"]
