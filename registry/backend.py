"""What the service asks of the place where the nodes are: memory, or Postgres."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Protocol, TypeAlias

from registry.search.feed import Feed
from sql.node_rows import Filters, HealthReport, Heartbeat, NodeCount, NodeRow, Registration, TwoStates, Written


@dataclass(frozen=True, slots=True)
class Spooled:
    """A change that is safe on this machine, and will be made when the database is back. `reason` is why it waits."""

    node_id: str
    reason: str


#: What became of a change.
Outcome: TypeAlias = Written | Spooled


class Backend(Protocol):
    """Keeps nodes by the same rules wherever they are. Any thread may use it. In one call each id occurs once."""

    #: Is told what became of changes that had been spooled.
    on_drained: Callable[[Sequence[Written]], object]

    def open(self) -> str | None:
        """Make it ready, and return the URL of its database, if it has one. Further calls change nothing."""

    def register(self, nodes: Sequence[Registration]) -> Sequence[Outcome]:
        """Register nodes, or bring those that are there up to date."""

    def deregister(self, node_ids: Sequence[str]) -> Sequence[Outcome | None]:
        """Remove nodes; None for those that are not there."""

    def report_health(self, reports: Sequence[HealthReport]) -> Sequence[Outcome | None]:
        """Keep what was said of nodes' health; None for those that are not there."""

    def find(self, filters: Filters, *, limit: int | None = None, offset: int = 0) -> tuple[Sequence[NodeRow], int]:
        """Return a page of the nodes that match, ordered by id, with the health by age, and how many match in all."""

    def count(self) -> Sequence[NodeCount]:
        """Return how many nodes there are of each type and health."""

    def heartbeats(self, node_id: str, limit: int) -> Sequence[Heartbeat]:
        """Return the latest heartbeats of a node, the latest first."""

    def as_of(self, node_id: str, at: datetime) -> NodeRow | None:
        """Return a node as it was then, or None if it was not there."""

    def between(self, since: datetime, until: datetime) -> Sequence[TwoStates]:
        """Return the nodes that changed after one time and up to another, ordered by id, as they were at both."""

    def open_feed(self) -> Feed:
        """Return what tells a search of the nodes."""

    def status(self) -> dict[str, Any]:
        """Return how many changes are spooled, as `spooled_changes`."""

    def close(self) -> None:
        """Give back what was opened."""


__all__ = ["Backend", "Outcome", "Spooled"]
