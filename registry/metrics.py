"""The guide's Prometheus metrics of the registry, read from the tables when they are scraped."""

import logging
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from time import monotonic

from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, Metric
from prometheus_client.registry import Collector

from sql.connections import Connections
from sql.errors import DatabaseError
from sql.node_history import NodeHistory
from sql.node_rows import NodeCount
from sql.node_store import NodeStore

_LOG = logging.getLogger(__name__)

#: The tables are counted again after this time at the earliest, and it takes a tenth of the time at most.
_LEAST_SECONDS = 1.0
_SHARE = 10.0
#: Node types are an open set, and Prometheus keeps a series for each.
MAX_TYPES = 50
OTHER = "other"


class RegistryCollector(Collector):
    """Counts made from the state itself: neither a restart nor a second process bends them.

    What times registrations, `registration_duration_seconds`, is on the registry given to a `NodeRegistryService`.
    `consistency` returns the share of nodes that are equal in Consul and Postgres, None if it is not known.
    """

    def __init__(
        self,
        connections: Connections,
        *,
        consistency: Callable[[], float | None] = lambda: None,
        least_seconds: float = _LEAST_SECONDS,
    ) -> None:
        self._store, self._history = NodeStore(connections), NodeHistory(connections)
        self._consistency = consistency
        self._least_seconds = least_seconds
        self._next = 0.0
        self._kept: list[Metric] = []

    def describe(self) -> Iterator[Metric]:
        """Tell the names without asking the database."""
        return iter(families([], {}, None))

    def collect(self) -> Iterator[Metric]:
        """Return the metrics. A database that is away leaves the latest: /metrics has to answer."""
        if monotonic() >= self._next:
            began = monotonic()
            try:
                changes, _ = self._history.count_changes()
                self._kept = families(self._store.count(), changes, self._consistency())
            except DatabaseError as error:
                _LOG.warning("the registry could not be counted: %s", error)
            self._next = monotonic() + max(self._least_seconds, _SHARE * (monotonic() - began))
        return iter(self._kept)


def families(counts: Sequence[NodeCount], changes: Mapping[str, int], consistency: float | None) -> list[Metric]:
    """Return the metrics: a registration counts if it made a node or changed it."""
    made = sum(changes.get(change, 0) for change in ("registered", "updated"))
    nodes = GaugeMetricFamily(
        "registered_nodes_total", "Registered nodes, by type and health", labels=["node_type", "health_status"]
    )
    for labels, count in _capped(counts).items():
        nodes.add_metric(labels, count)
    equal = GaugeMetricFamily("consul_postgres_consistency", "Share of the nodes that are equal in Consul and Postgres")
    if consistency is not None:
        equal.add_metric([], consistency)
    return [
        CounterMetricFamily("registrations", "Registrations that made or changed a node", value=made),
        CounterMetricFamily("registrations_successful", "Registrations that are durable", value=made),
        nodes,
        equal,
    ]


def _capped(counts: Sequence[NodeCount]) -> dict[tuple[str, str], int]:
    """Return the counts by type and health; the types with the fewest nodes are one."""
    sizes: Counter[str] = Counter()
    for count in counts:
        sizes[count.node_type] += count.nodes
    shown = {node_type for node_type, _ in sizes.most_common(MAX_TYPES)}
    found: dict[tuple[str, str], int] = {}
    for count in counts:
        labels = (count.node_type if count.node_type in shown else OTHER, count.health_status)
        found[labels] = found.get(labels, 0) + count.nodes
    return found


__all__ = ["RegistryCollector", "families"]
