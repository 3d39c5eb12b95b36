"""What time does to health, in Consul and in Postgres: silence, mass expiry, flapping; and what others say there."""

import asyncio
from collections.abc import Awaitable, Callable, Iterator
from pathlib import Path
from time import monotonic

import pytest

from registry import NodeRegistryService, SearchAPI
from registry.consul.delivery import ConsulDelivery
from registry.consul.settings import ConsulSettings
from registry.consul.watcher import Watcher
from registry.expiry import LATELY
from registry.keeper import Keeper
from registry.reconcile import Reconciler
from sql.connection import Connection
from sql.connections import Connections
from sql.expiry_store import ExpiryStore
from tests.consul import Agent
from tests.registry.nodes import Clock, node

NODES = [f"kept-{number}" for number in range(10)]


@pytest.fixture
def connections(database_url: str) -> Iterator[Connections]:
    """Connections to the test's own database."""
    opened = Connections(database_url)
    yield opened
    opened.close()


@pytest.fixture
def delivery(shared_consul: Agent, database_url: str) -> Iterator[ConsulDelivery]:
    """A delivery whose relay works only when it is told to; its services are removed afterwards."""
    with ConsulDelivery(ConsulSettings.read({"CONSUL_HTTP_ADDR": shared_consul.address}), database_url) as made:
        yield made
        for name in NODES:
            made.sender.client.deregister(name)


@pytest.fixture
def registry(delivery: ConsulDelivery, database_url: str, tmp_path: Path) -> NodeRegistryService:
    """A registry that brings its nodes to Consul."""
    return NodeRegistryService(
        enable_consul=True, enable_postgres=True, postgres_url=database_url, home=tmp_path, delivery=delivery
    )


def silence(database: Connection, seconds: int, *node_ids: str) -> None:
    """Let nodes have been silent for so long."""
    database.execute(
        "UPDATE registered_nodes SET registration_timestamp = now() - %s * INTERVAL '1 second', last_heartbeat = NULL "
        "WHERE node_id = ANY(%s)",
        (seconds, list(node_ids)),
    )


async def test_silence_is_pushed_to_consul(
    registry: NodeRegistryService,
    delivery: ConsulDelivery,
    connections: Connections,
    database: Connection,
    shared_consul: Agent,
) -> None:
    """Past its TTL a node is a warning, past twice that critical, and passes once it is heard again."""
    await registry.register_nodes([node(name) for name in NODES[:3]])
    keeper = Keeper(connections, delivery, clock=lambda: 0.0)
    keeper.tick()
    for seconds, status in ((91, "warning"), (181, "critical")):
        silence(database, seconds, NODES[0])
        keeper.tick()
        delivery.relay.step()
        assert [shared_consul.status(name) for name in NODES[:2]] == [status, "passing"]
    keeper.tick()
    assert delivery.relay.step() == 0
    assert await registry.heartbeat(NODES[0])
    assert shared_consul.status(NODES[0]) == "passing"
    await registry.close()


async def test_searches_hear_of_silence(
    registry: NodeRegistryService, connections: Connections, database: Connection
) -> None:
    """A node that is silent for too long is no longer found among the healthy, without a change of its own."""
    await registry.register_nodes([node(name) for name in NODES[:2]])
    for name in NODES[:2]:
        await registry.heartbeat(name)
    with SearchAPI(registry) as search:
        assert await _healthy(search) == NODES[:2]
        keeper = Keeper(connections, None)
        silence(database, 91, NODES[0])
        keeper.tick()
        await until(lambda: _healthy(search), NODES[1:2])
        assert await registry.heartbeat(NODES[0])
        keeper.tick()
        await until(lambda: _healthy(search), NODES[:2])
    await registry.close()


async def _healthy(search: SearchAPI) -> list[str]:
    return [found.node_id for found in await search.get_healthy_nodes_by_type("effect")]


async def until(ask: Callable[[], Awaitable[list[str]]], expected: list[str]) -> None:
    """Wait until the answer is as expected."""
    deadline = monotonic() + 60
    while (found := await ask()) != expected:
        assert monotonic() < deadline, found
        await asyncio.sleep(0.05)


async def test_a_mass_expiry_is_held_back_and_let_go(
    registry: NodeRegistryService, delivery: ConsulDelivery, connections: Connections, database: Connection
) -> None:
    """When most fall silent at once age does not count, until most are heard again or a quarter of an hour is over."""
    await registry.register_nodes([node(name) for name in NODES])
    keeper = Keeper(connections, delivery, clock=lambda: 0.0)
    keeper.tick()
    silence(database, 100, *NODES[:4])
    keeper.tick()
    assert await healths(registry) == ["degraded"] * 4 + ["unknown"] * 6
    silence(database, 100, *NODES[:8])
    keeper.tick()
    assert await healths(registry) == ["unknown"] * 10
    assert ExpiryStore(connections).count(LATELY).held_since is not None
    keeper.tick()
    assert await healths(registry) == ["unknown"] * 10
    database.execute("UPDATE registry_identity SET expiry_held_since = now() - INTERVAL '16 minutes'")
    silence(database, 300, *NODES[:8])
    keeper.tick()
    assert await healths(registry) == ["unhealthy"] * 8 + ["unknown"] * 2
    silence(database, 1, *NODES[:4])
    silence(database, 100, *NODES[4:])
    keeper.tick()
    assert await healths(registry) == ["unknown"] * 10
    silence(database, 1, *NODES[4:7])
    keeper.tick()
    assert await healths(registry) == ["unknown"] * 7 + ["degraded"] * 3
    await registry.close()


async def healths(registry: NodeRegistryService) -> list[str]:
    """Return the health of every node, in the order of ids."""
    return [row["health_status"] for row in await registry.get_all_nodes()]


async def test_a_mass_expiry_during_an_outage_is_held_back(
    registry: NodeRegistryService, connections: Connections, database: Connection
) -> None:
    """Those that fell silent together while nobody looked are held back, too; those that did one by one are not."""
    await registry.register_nodes([node(name) for name in NODES])
    keeper = Keeper(connections, None)
    keeper.tick()
    for number, name in enumerate(NODES[:8]):
        silence(database, 1_000 + 120 * number, name)
    database.execute("UPDATE registry_identity SET expiry_looked_at = now() - INTERVAL '40 minutes'")
    keeper.tick()
    assert await healths(registry) == ["unhealthy"] * 8 + ["unknown"] * 2
    silence(database, 1_000, *NODES[:8])
    keeper.tick()
    assert await healths(registry) == ["unhealthy"] * 8 + ["unknown"] * 2
    database.execute("UPDATE registry_identity SET expiry_looked_at = now() - INTERVAL '40 minutes'")
    keeper.tick()
    assert await healths(registry) == ["unknown"] * 10
    await registry.close()


async def test_who_flaps_by_silence_is_shown(
    registry: NodeRegistryService, connections: Connections, database: Connection
) -> None:
    """Each silence and its end is a change of health, although nobody said anything else than before."""
    await registry.register_nodes([node(name) for name in NODES[:2]])
    for name, beats in ((NODES[0], (560, 440, 380, 180, 100, 0)), (NODES[1], range(0, 600, 60))):
        for seconds in beats:
            database.execute(
                "INSERT INTO node_heartbeats VALUES (%s, now() - %s * INTERVAL '1 second', 'unknown')", (name, seconds)
            )
    # Silent for 120, 60, 200, 80 and 100 seconds, the TTL being 90: degraded thrice, once unhealthy, back thrice.
    assert ExpiryStore(connections).flapping(10 * LATELY, 1) == {NODES[0]: 7}
    # Who says that he is degraded is so already: once unhealthy, once back.
    database.execute("UPDATE node_heartbeats SET health_status = 'degraded' WHERE node_id = %s", (NODES[0],))
    assert ExpiryStore(connections).flapping(10 * LATELY, 1) == {NODES[0]: 2}
    await registry.close()


async def test_who_flaps_is_shown(registry: NodeRegistryService, connections: Connections) -> None:
    """A node whose health changes again and again is named, one that only repeats itself is not."""
    await registry.register_nodes([node(name) for name in NODES[:2]])
    for health in ("healthy", "unhealthy", "healthy", "unhealthy"):
        await registry.update_node_health(NODES[0], health)
        await registry.update_node_health(NODES[1], "healthy")
    assert ExpiryStore(connections).flapping(10 * LATELY, 4) == {NODES[0]: 4}
    await registry.close()


async def test_what_others_say_in_consul_comes_back(
    registry: NodeRegistryService, delivery: ConsulDelivery, connections: Connections, shared_consul: Agent
) -> None:
    """A check that somebody fails in Consul makes the node unhealthy here; our own changes are no news."""
    await registry.register_nodes([node(name) for name in NODES[:2]])
    delivery.relay.note()
    watcher = Watcher(delivery, registry.bring_back, wait_seconds=1)
    assert watcher.step() == 0
    theirs = {"Name": "theirs", "ID": NODES[5], "Check": {"CheckID": f"service:{NODES[5]}", "TTL": "90s"}}
    shared_consul.ask("agent/service/register", method="PUT", body=theirs)
    shared_consul.ask(f"agent/check/fail/service:{NODES[0]}?note=disk", method="PUT")
    assert sum(watcher.step() for _ in range(2)) == 1
    # Nothing else is asked for: neither what passes, nor what others have.
    assert watcher.failing == {NODES[0]: "critical"}
    assert await healths(registry) == ["unhealthy", "unknown"]
    found = await registry.get_node_by_id(NODES[0])
    assert found is not None
    assert (found["last_heartbeat"], found["reported_health_status"]) == (None, "unhealthy")
    await registry.heartbeat(NODES[0])
    delivery.relay.note()
    assert watcher.step() == 0
    assert await healths(registry) == ["healthy", "unknown"]
    watcher.close()
    await registry.close()


async def test_what_consul_says_by_itself_does_not_come_back(
    registry: NodeRegistryService, delivery: ConsulDelivery, database: Connection, shared_consul: Agent
) -> None:
    """It fails the check of a silent node, and repeats what was said before: that is not said by anybody."""
    await registry.register_node(node(NODES[0], health_check={"ttl_seconds": 1}))
    delivery.relay.note()
    database.execute("UPDATE registered_nodes SET registration_timestamp = now() + INTERVAL '1 hour'")
    watcher = Watcher(delivery, registry.bring_back, wait_seconds=1)
    shared_consul.ask(f"agent/check/pass/service:{NODES[0]}?note=fine", method="PUT")
    assert watcher.step() == 0
    await until(lambda: asyncio.sleep(0, [shared_consul.status(NODES[0])]), ["critical"])
    output = shared_consul.ask("agent/checks")[f"service:{NODES[0]}"]["Output"]
    assert output == "TTL expired (last output before timeout follows): fine"
    assert sum(watcher.step() for _ in range(2)) == 0
    assert await healths(registry) == ["unknown"]
    shared_consul.ask(f"agent/check/warn/service:{NODES[0]}", method="PUT")
    assert sum(watcher.step() for _ in range(2)) == 1
    assert await healths(registry) == ["degraded"]
    watcher.close()
    await registry.close()


async def test_a_watcher_follows_an_agent_that_counts_anew(database_url: str, consul: Agent, tmp_path: Path) -> None:
    """The index of an agent that was started again is smaller; waiting for the old one would miss what comes then."""
    with ConsulDelivery(ConsulSettings.read({"CONSUL_HTTP_ADDR": consul.address}), database_url) as delivery:
        async with NodeRegistryService(
            enable_consul=True, enable_postgres=True, postgres_url=database_url, home=tmp_path, delivery=delivery
        ) as own:
            await own.register_nodes([node(name) for name in NODES])
            delivery.relay.note()
            watcher = Watcher(delivery, own.bring_back, wait_seconds=1)
            for told in ("warn", "pass") * 5:
                consul.ask(f"agent/check/{told}/service:{NODES[0]}", method="PUT")
            watcher.step()
            index = watcher.index
            consul.kill()
            consul.start()
            Reconciler(delivery).run()
            assert watcher.step() == 0
            assert watcher.index is None
            consul.ask(f"agent/check/fail/service:{NODES[3]}", method="PUT")
            assert sum(watcher.step() for _ in range(2)) == 1
            assert watcher.index is not None
            assert index is not None
            assert 0 < int(watcher.index) < int(index)
            assert (await healths(own))[3] == "unhealthy"
            watcher.close()


async def test_both_sides_are_compared_every_five_minutes_and_when_consul_returns(
    registry: NodeRegistryService, delivery: ConsulDelivery, connections: Connections, shared_consul: Agent
) -> None:
    """What is lost in Consul comes back then, and not before."""
    await registry.register_nodes([node(name) for name in NODES[:2]])
    clock = Clock()
    keeper = Keeper(connections, delivery, clock=lambda: clock.now.timestamp())

    async def has_after(seconds: float) -> bool:
        clock.move(seconds)
        keeper.tick()
        return NODES[0] in shared_consul.services()

    assert await has_after(0)
    for _ in range(2):
        delivery.sender.client.deregister(NODES[0])
        assert not await has_after(299)
        assert await has_after(1)
    delivery.sender.client.deregister(NODES[0])
    delivery.sender.breaker.note_failure()
    assert not await has_after(1)
    delivery.relay.step()
    assert await has_after(1)
    await registry.close()
