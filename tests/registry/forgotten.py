"""Many nodes in a Consul that forgets all of them."""

import asyncio
from collections.abc import Callable
from pathlib import Path
from time import monotonic

from registry import NodeRegistryService
from registry.consul.delivery import ConsulDelivery
from registry.consul.settings import ConsulSettings
from registry.reconcile import Reconciler
from tests.consul import Agent
from tests.registry.nodes import eventually, node


async def all_are_back_in_one_pass(
    url: str, agent: Agent, folder: Path, *, nodes: int, say: Callable[[str], object] = lambda _: None
) -> str:
    """Register nodes, wait until Consul has them, kill it, and bring all of them back by one reconciliation."""
    settings = ConsulSettings.read({"CONSUL_HTTP_ADDR": agent.address})
    with ConsulDelivery(settings, url).start() as delivery:
        async with NodeRegistryService(
            enable_consul=True, enable_postgres=True, postgres_url=url, home=folder, delivery=delivery
        ) as registry:
            began = monotonic()
            answers = await registry.register_nodes([node(f"n-{number:05}") for number in range(nodes)])
            assert all(answer.success for answer in answers)
            outbox = delivery.require_outbox()
            await eventually(lambda: asyncio.sleep(0, outbox.count() == 0), seconds=60 + nodes / 5)
            there = monotonic() - began
            say(f"{nodes:,} nodes are in Consul after {there:.0f} s")
            agent.kill()
            agent.start()
            report = await asyncio.to_thread(Reconciler(delivery).run)
    told = (
        f"{nodes:,} nodes in Consul after {there:.0f} s, back in the empty one after a pass of {report.seconds:.0f} s"
    )
    assert (len(report.found.register), len(report.left.equal), report.left.consistency) == (nodes, nodes, 1.0), told
    assert (report.owed, len(agent.services())) == (0, nodes), told
    return told


__all__ = ["all_are_back_in_one_pass"]
