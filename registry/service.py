"""The guide's registry service: nodes are registered once, and found everywhere."""

import asyncio
import weakref
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing, nullcontext
from dataclasses import asdict, replace
from datetime import UTC, datetime
from pathlib import Path
from types import TracebackType
from typing import Any, Self, TypeVar
from uuid import UUID, uuid4

from prometheus_client import CollectorRegistry

from omninode.environment import environment, read_settings
from omninode.errors import BadInput
from omninode.settings import Settings
from registry.backend import Backend
from registry.checks import (
    GivenNode,
    checked_health,
    checked_id,
    checked_limit,
    checked_nodes,
    checked_query,
    checked_time,
    checked_type,
)
from registry.consul import default_delivery
from registry.counters import RegistrationCounters
from registry.differences import differences
from registry.discovery import Delivery
from registry.enums import EnumHealthStatus
from registry.events import request
from registry.health import with_health
from registry.introspection import FollowsIntrospections
from registry.limits import MAX_ROWS
from registry.memory_backend import MemoryBackend
from registry.models import (
    ModelNodeDifference,
    ModelNodeQueryInput,
    ModelNodeQueryResult,
    ModelNodeRegistrationOutput,
)
from registry.postgres_backend import PostgresBackend
from registry.publishing import Publisher
from registry.registrar import DeliveryFactory, Registrar
from registry.search.feed import Feed
from sql.errors import DatabaseError
from sql.node_rows import Filters, HealthReport, NodeRow

Found = TypeVar("Found")

_THREADS = 8


def _utc_now() -> datetime:
    return datetime.now(UTC)


class NodeRegistryService:
    """Registers nodes, keeps what they say of their health, and finds them. Any number of tasks may use it.

    With `enable_postgres` the nodes are in Postgres, shared with every other process; without, in memory by the same
    rules. With `enable_consul` service discovery follows. Without `settings` the environment says where the parts are;
    where it does not, an embedded Postgres is used, from the first call until `close` or the end of the process.

    >>> async def example() -> str:
    ...     registry = NodeRegistryService()
    ...     node = {"node_id": "n-1", "node_name": "MyNode", "node_type": "effect", "version": "1.0.0"}
    ...     await registry.register_node(node)
    ...     await registry.update_node_health("n-1", EnumHealthStatus.HEALTHY)
    ...     found = await registry.query_nodes({"query_filters": {"health_status": "healthy"}})
    ...     return found.nodes[0]["node_name"]
    >>> asyncio.run(example())
    'MyNode'
    """

    def __init__(
        self,
        enable_consul: bool = False,
        enable_postgres: bool = False,
        enable_kafka: bool = False,
        *,
        settings: Settings | None = None,
        postgres_url: str | None = None,
        home: Path | None = None,
        delivery: Delivery | None = None,
        publisher: Publisher | None = None,
        clock: Callable[[], datetime] | None = None,
        prometheus: CollectorRegistry | None = None,
    ) -> None:
        """Say where nodes are to be. Nothing is opened before the first call.

        `postgres_url` and `home`, the folder of what waits for Postgres, override the settings. `delivery` brings
        changes to Consul, and `publisher` to Kafka, in place of those that the environment asks for. Ages of heartbeats
        are by the database's time, or by `clock`.
        """
        self._clock = clock or _utc_now
        self._backend: Backend
        told = _settings(settings, postgres_url, home) if enable_postgres or enable_kafka else None
        if enable_postgres and told is not None:
            self._backend = PostgresBackend(told, clock)
        else:
            self._backend = MemoryBackend(self._clock)
        self._counters = RegistrationCounters(prometheus)
        self._registrar = Registrar(
            self._backend,
            _delivery_factory(enable_consul, delivery, told.home if told else home),
            _publisher_factory(told if enable_kafka else None, publisher),
            self._counters,
        )
        self._threads = ThreadPoolExecutor(_THREADS, thread_name_prefix="registry")
        self._finalizer = weakref.finalize(self, _close, self._threads, self._registrar)

    async def register_node(self, node: GivenNode) -> ModelNodeRegistrationOutput:
        """Register a node, or bring what is known of it up to date; the same again changes nothing.

        Takes the models or mappings with their fields. It is durable when this returns with `success`. Of what is
        refused nothing is kept, and `error_message` names the field.
        """
        (answer,) = await self.register_nodes([node])
        return answer

    async def register_nodes(self, nodes: Sequence[GivenNode]) -> list[ModelNodeRegistrationOutput]:
        """Register many nodes, and answer for each in their order; one that is refused does not stop the others.

        From some dozens on, Consul gets them after this has returned.
        """
        given = checked_nodes(nodes)
        return await self._in_thread(lambda: self._registrar.register(given))

    async def deregister_node(self, node_id: str) -> bool:
        """Remove a node, and tell whether it was there. Its history stays."""
        checked = checked_id(node_id)
        return await self._in_thread(lambda: self._registrar.deregister(checked))

    async def update_node_health(self, node_id: str, health_status: EnumHealthStatus | str) -> bool:
        """Keep what a node says of its health, as a heartbeat, and tell whether the node is there."""
        report = HealthReport(checked_id(node_id), checked_health(health_status).value)
        (is_there,) = await self._in_thread(lambda: self._registrar.report_health([report]))
        return is_there

    async def heartbeat(self, node_id: str, health_status: EnumHealthStatus | str = EnumHealthStatus.HEALTHY) -> bool:
        """Say that a node is alive, and tell whether it is registered."""
        return await self.update_node_health(node_id, health_status)

    async def query_nodes(self, query: ModelNodeQueryInput | Mapping[str, Any] | None = None) -> ModelNodeQueryResult:
        """Return a page of the nodes that match every filter, ordered by id, and how many match in all.

        `health_status` is the health by age: a node silent for longer than its TTL is degraded, for longer than twice
        that unhealthy, whatever it said. What it said is `reported_health_status`.
        """
        asked = checked_query(query)
        filters = Filters(**asked.query_filters.model_dump(mode="json"))
        nodes, total = await self._find(filters, limit=asked.limit, offset=asked.offset)
        return ModelNodeQueryResult(nodes=nodes, total_count=total)

    async def get_node_by_id(self, node_id: str, as_of: datetime | None = None) -> dict[str, Any] | None:
        """Return a node as it is, or as it was then, with the columns of `query_nodes`; None if it is not there."""
        checked = checked_id(node_id)
        if as_of is None:
            nodes, _ = await self._find(Filters(node_id=checked))
            return nodes[0] if nodes else None
        at = checked_time(as_of, "as_of")
        row = await self._in_thread(lambda: self._backend.as_of(checked, at))
        return None if row is None else with_health(row, at)

    async def get_nodes_by_type(self, node_type: str) -> list[dict[str, Any]]:
        """Return every node of a type, ordered by id."""
        return (await self._find(Filters(node_type=checked_type(node_type))))[0]

    async def get_healthy_nodes(self, node_type: str | None = None) -> list[dict[str, Any]]:
        """Return every healthy node, of a type if one is given, ordered by id."""
        wanted = None if node_type is None else checked_type(node_type)
        return (await self._find(Filters(node_type=wanted, health_status=EnumHealthStatus.HEALTHY.value)))[0]

    async def get_all_nodes(self) -> list[dict[str, Any]]:
        """Return every node, ordered by id."""
        return (await self._find(Filters()))[0]

    async def get_heartbeats(self, node_id: str, *, limit: int = 100) -> list[dict[str, Any]]:
        """Return the latest heartbeats of a node as `received_at` and `health_status`, the latest first."""
        checked = checked_id(node_id)
        most = checked_limit(limit, MAX_ROWS)
        found = await self._in_thread(lambda: self._backend.heartbeats(checked, most))
        return [asdict(beat) for beat in found]

    async def diff(self, since: datetime, until: datetime | None = None) -> list[ModelNodeDifference]:
        """Return how the nodes differ between two times, ordered by id; `until` None: now."""
        first, last = checked_time(since, "since"), checked_time(until or _utc_now(), "until")
        if last < first:
            raise BadInput("until: is before since; exchange them")
        return differences(await self._in_thread(lambda: self._backend.between(first, last)))

    async def request_introspection(self, node_id: str | None = None) -> UUID:
        """Ask a node, or all of them, over Kafka to say what they are; return the id of the request.

        Raises `BadInput` without Kafka.
        """
        checked = None if node_id is None else checked_id(node_id)
        publisher, request_id = await self._in_thread(self._registrar.open_publisher), uuid4()
        publisher.publish([request(request_id, checked, _utc_now())])
        return request_id

    def bring_back(self, reports: Sequence[HealthReport]) -> None:
        """Keep what others said of nodes' health, in Consul for instance, and tell of it; it blocks. See `Watcher`."""
        self._registrar.report_health(reports)

    def tell_aged(self, rows: Sequence[NodeRow]) -> None:
        """Publish on Kafka that silence, or its end, has changed nodes' health; it blocks. See `Keeper`."""
        self._registrar.tell_aged(rows)

    def following_introspections(self) -> FollowsIntrospections:
        """Return a context, for `with` or `async with`, in which nodes that say on Kafka what they are get registered.

        Several processes share the messages; each is registered at least once. What is no node is logged and left out.
        Without Kafka there is nothing to follow: `BadInput`.
        """
        return FollowsIntrospections(self._registrar)

    async def get_metrics(self) -> dict[str, Any]:
        """Return registrations of this process, and the nodes that there are, by type and by health.

        Keys: total_registrations, successful_registrations, failed_registrations, registered_nodes_total,
        nodes_by_type, nodes_by_health, spooled_changes; with Kafka published_events, lost_events. While the database is
        away, the three of the nodes are None.
        """
        try:
            counts = await self._in_thread(self._backend.count)
        except DatabaseError:
            unknown = dict.fromkeys(("registered_nodes_total", "nodes_by_type", "nodes_by_health"))
            return {**self._counters.as_metrics(), **unknown, **self._backend.status(), **self._registrar.status()}
        by_type: dict[str, int] = {}
        by_health = dict.fromkeys(map(str, EnumHealthStatus), 0)
        for count in counts:
            by_type[count.node_type] = by_type.get(count.node_type, 0) + count.nodes
            by_health[count.health_status] = by_health.get(count.health_status, 0) + count.nodes
        return {
            **self._counters.as_metrics(),
            "registered_nodes_total": sum(by_type.values()),
            "nodes_by_type": by_type,
            "nodes_by_health": by_health,
            **self._backend.status(),
            **self._registrar.status(),
        }

    @property
    def spooled_changes(self) -> int:
        """How many changes wait on this machine for a Postgres that is away."""
        return int(self._backend.status()["spooled_changes"])

    def open_feed(self) -> Feed:
        """Return what tells a `SearchAPI` of the nodes."""
        return self._backend.open_feed()

    async def close(self) -> None:
        """Give back what was opened. It may be called twice."""
        if self._finalizer.alive:
            await asyncio.to_thread(self._finalizer)

    async def __aenter__(self) -> Self:
        """Use it as a context manager to have it closed."""
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self.close()

    async def _find(
        self, filters: Filters, *, limit: int | None = None, offset: int = 0
    ) -> tuple[list[dict[str, Any]], int]:
        rows, total = await self._in_thread(lambda: self._backend.find(filters, limit=limit, offset=offset))
        return [dict(row) for row in rows], total

    async def _in_thread(self, work: Callable[[], Found]) -> Found:
        return await asyncio.get_running_loop().run_in_executor(self._threads, work)


def _settings(settings: Settings | None, postgres_url: str | None, home: Path | None) -> Settings:
    told = settings or read_settings(Path.cwd())
    return replace(told, postgres_url=postgres_url or told.postgres_url, home=home or told.home)


def _delivery_factory(enable_consul: bool, delivery: Delivery | None, home: Path | None) -> DeliveryFactory:
    """Whoever makes a delivery closes it: one that was given is left open."""
    if delivery is not None or not enable_consul:
        return lambda _: nullcontext(delivery)
    return lambda url: closing(default_delivery(url, environment(Path.cwd()), home=home))


def _publisher_factory(settings: Settings | None, publisher: Publisher | None) -> Callable[[], Publisher | None]:
    def make() -> Publisher | None:
        if publisher is not None or settings is None:
            return publisher
        from registry.kafka_door import KafkaPublisher

        return KafkaPublisher(settings)

    return make


def _close(threads: ThreadPoolExecutor, registrar: Registrar) -> None:
    threads.shutdown()
    registrar.close()


__all__ = ["NodeRegistryService"]
