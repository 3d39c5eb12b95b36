"""What the registry's benchmarks share: a real Postgres, a real Consul, and a registry on both."""

import asyncio
from collections.abc import Awaitable, Callable, Iterator, Sequence
from contextlib import contextmanager
from itertools import count
from pathlib import Path
from time import perf_counter
from typing import Any, TypeVar

import pytest

from registry import NodeRegistryService
from registry.consul.delivery import ConsulDelivery
from registry.consul.settings import ConsulSettings
from tests.benchmarks.harness import NotMeasured
from tests.benchmarks.lifecycle_tables import lifecycle_database
from tests.consul import Agent, an_agent
from tests.registry.nodes import node

Found = TypeVar("Found")

_NUMBERS = count()


@contextmanager
def both_parts(folder: Path) -> Iterator[tuple[str, Agent]]:
    """Yield the URL of a database that makes every commit durable, and an agent."""
    try:
        with lifecycle_database(folder) as url, an_agent(folder / "consul") as agent:
            yield url, agent
    except pytest.skip.Exception as error:
        raise NotMeasured(str(error)) from error


def with_registry(
    url: str, agent: Agent, folder: Path, use: Callable[[NodeRegistryService, ConsulDelivery], Awaitable[Found]]
) -> Found:
    """Use a registry on both, with its relay, in an event loop of its own."""

    async def run() -> Found:
        with ConsulDelivery(ConsulSettings.read({"CONSUL_HTTP_ADDR": agent.address}), url).start() as delivery:
            async with NodeRegistryService(
                enable_consul=True, enable_postgres=True, postgres_url=url, home=folder, delivery=delivery
            ) as registry:
                return await use(registry, delivery)

    return asyncio.run(run())


def new_nodes(number: int) -> list[dict[str, Any]]:
    """Return nodes that nobody has registered."""
    return [node(f"bench-{next(_NUMBERS):06}") for _ in range(number)]


async def register_ms(registry: NodeRegistryService, nodes: Sequence[dict[str, Any]]) -> list[float]:
    """Register one node after the other, and return how long each took; it has to be in both when it returns."""
    taken = []
    for one in nodes:
        began = perf_counter()
        answer = await registry.register_node(one)
        taken.append((perf_counter() - began) * 1000)
        if answer.registration_result.status != "complete":
            raise NotMeasured(f"{one['node_id']} is not in both: {answer.error_message}")
    return taken


async def clear(registry: NodeRegistryService) -> None:
    """Remove all nodes: the more services an agent has, the slower it registers."""
    for row in await registry.get_all_nodes():
        await registry.deregister_node(row["node_id"])


__all__ = ["both_parts", "clear", "new_nodes", "register_ms", "with_registry"]
