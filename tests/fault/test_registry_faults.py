"""What befalls Consul, Postgres and the network: nothing registered is lost, and both sides agree again afterwards."""

import asyncio
import os
import subprocess
import sys
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from dataclasses import replace
from pathlib import Path
from random import Random
from time import monotonic, sleep
from uuid import uuid4

import pytest

from registry import NodeRegistryService
from registry.consul.delivery import ConsulDelivery
from registry.consul.settings import ConsulSettings
from registry.consul.watcher import Watcher
from registry.keeper import Keeper
from registry.reconcile import Reconciler
from sql.connection import Connection, connect
from sql.connections import Connections
from tests.consul import Agent, an_agent
from tests.own_postgres import own_postgres
from tests.registry.forgotten import all_are_back_in_one_pass
from tests.registry.nodes import eventually, node
from tests.slow_network import slow_network


def settings_of(address: str, **more: str) -> ConsulSettings:
    """Return how to reach an agent that has a second to answer."""
    told = ConsulSettings.read({"CONSUL_HTTP_ADDR": address, **more})
    return replace(told, timeout_seconds=(1.0, 1.0))


@asynccontextmanager
async def a_registry(
    settings: ConsulSettings, url: str, home: Path
) -> AsyncIterator[tuple[NodeRegistryService, ConsulDelivery]]:
    """Yield a registry and its delivery, whose relay works on a thread."""
    with ConsulDelivery(settings, url).start() as delivery:
        async with NodeRegistryService(
            enable_consul=True, enable_postgres=True, postgres_url=url, home=home, delivery=delivery
        ) as registry:
            yield registry, delivery


async def status(registry: NodeRegistryService, node_id: str, **changes: object) -> str:
    """Register a node, and return the status of the answer; it has to be durable."""
    answer = await registry.register_node(node(node_id, **changes))
    assert answer.success, answer.error_message
    return answer.registration_result.status.value


async def agrees(delivery: ConsulDelivery, agent: Agent, versions: dict[str, str]) -> None:
    """Show that both sides have these nodes, as they are, and no other, and that nothing is owed."""
    left = (await asyncio.to_thread(Reconciler(delivery).run)).left
    assert (left.consistency, set(left.equal)) == (1.0, set(versions))
    ours = {name: one["Meta"] for name, one in agent.services().items()}
    assert {name: meta["version"] for name, meta in ours.items()} == versions
    assert delivery.require_outbox().count() == 0


@pytest.fixture(scope="module")
def agent(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Agent]:
    """An agent to be mistreated. Each test leaves it running."""
    with an_agent(tmp_path_factory.mktemp("consul")) as started:
        yield started


@pytest.fixture
def empty(agent: Agent) -> Agent:
    """The agent, without services."""
    for name in agent.services():
        agent.ask(f"agent/service/deregister/{name}", method="PUT")
    return agent


async def test_an_agent_that_is_killed_and_comes_back_empty(empty: Agent, database_url: str, tmp_path: Path) -> None:
    """Meanwhile nodes are registered, changed and removed; once it answers, the keeper brings all of it there."""
    async with a_registry(settings_of(empty.address), database_url, tmp_path) as (registry, delivery):
        assert await status(registry, "stays") == await status(registry, "changes") == "complete"
        assert await status(registry, "goes") == "complete"
        connections = Connections(database_url)
        keeper = Keeper(connections, delivery)
        keeper.tick()
        assert keeper.consistency() == 1.0
        empty.kill()
        assert await status(registry, "new") == "pending_consul"
        began = monotonic()
        assert await status(registry, "changes", version="1.1.0") == "pending_consul"
        assert await registry.deregister_node("goes")
        assert await registry.heartbeat("stays")
        assert monotonic() - began < 1
        empty.start()
        await eventually(lambda: asyncio.sleep(0, not delivery.sender.breaker.is_open))
        await asyncio.to_thread(keeper.tick)
        assert keeper.consistency() == 1.0
        await agrees(delivery, empty, {"stays": "1.0.0", "changes": "1.1.0", "new": "1.0.0"})
        assert await status(registry, "last") == "complete"
        connections.close()


async def test_many_nodes_are_back_after_one_reconciliation(empty: Agent, database_url: str, tmp_path: Path) -> None:
    """`make soak ONLY=registry` does the same with 10,000."""
    await all_are_back_in_one_pass(database_url, empty, tmp_path, nodes=300)


async def test_an_agent_that_stands_still(empty: Agent, database_url: str, tmp_path: Path) -> None:
    """The first caller waits for the time-out, the others do not wait; what it had got late does no harm."""
    async with a_registry(settings_of(empty.address), database_url, tmp_path) as (registry, delivery):
        assert await status(registry, "stays") == "complete"
        empty.freeze()
        began = monotonic()
        assert await status(registry, "stays", version="1.1.0") == "pending_consul"
        assert monotonic() - began < 4
        began = monotonic()
        assert {await status(registry, f"n-{number}") for number in range(10)} == {"pending_consul"}
        assert await status(registry, "stays", version="1.2.0") == "pending_consul"
        assert monotonic() - began < 2
        empty.thaw()
        await eventually(lambda: asyncio.sleep(0, not delivery.sender.breaker.is_open))
        await agrees(delivery, empty, {"stays": "1.2.0", **{f"n-{number}": "1.0.0" for number in range(10)}})


async def test_a_token_that_may_not_write(
    database_url: str, database: Connection, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    """What is denied waits, and is not taken for an agent that is away; one line says so of all nodes, and with another
    token they get there.
    """
    token = str(uuid4())
    acl = {"enabled": True, "default_policy": "deny", "tokens": {"master": token}}
    with an_agent(tmp_path / "consul", more={"acl": acl}, token=token) as denying:
        async with a_registry(settings_of(denying.address), database_url, tmp_path) as (registry, delivery):
            assert await status(registry, "n-1") == "pending_consul"
            await registry.register_nodes([node(f"d-{number}") for number in range(60)])
            database.execute("UPDATE registry_outbox SET next_attempt_at = now()")
            await eventually(lambda: asyncio.sleep(0, "d-59" in _postponed(database)))
            assert len([record for record in caplog.records if "Consul denies this" in record.message]) == 1
            assert not delivery.sender.breaker.is_open
            with pytest.raises(Exception, match="CONSUL_HTTP_TOKEN"):
                Reconciler(delivery).run()
        allowed = settings_of(denying.address, CONSUL_HTTP_TOKEN=token)
        async with a_registry(allowed, database_url, tmp_path) as (_, delivery):
            await agrees(delivery, denying, dict.fromkeys(["n-1", *(f"d-{number}" for number in range(60))], "1.0.0"))
        rules = {"Name": "services-only", "Rules": 'service_prefix "" { policy = "write" }'}
        denying.ask("acl/policy", method="PUT", body=rules)
        limited = denying.ask("acl/token", method="PUT", body={"Policies": [{"Name": "services-only"}]})["SecretID"]
        with ConsulDelivery(settings_of(denying.address, CONSUL_HTTP_TOKEN=limited), database_url) as delivery:
            watcher = Watcher(delivery, lambda _: None, wait_seconds=1)
            assert watcher.step() == 0
            watcher.close()
        assert "Give CONSUL_HTTP_TOKEN node:read" in caplog.text


def _postponed(database: Connection) -> set[str]:
    """Return the nodes that the relay has tried to bring in vain."""
    return {row[0] for row in database.execute("SELECT node_id FROM registry_outbox WHERE last_error IS NOT NULL")}


async def test_a_postgres_that_is_restarted_and_both_down(empty: Agent, tmp_path: Path) -> None:
    """With Postgres away changes are spooled, with both away too; when both are back all of it is in both."""
    with own_postgres() as server:
        async with a_registry(settings_of(empty.address), server.url, tmp_path) as (registry, delivery):
            assert await status(registry, "stays") == await status(registry, "goes") == "complete"
            server.stop()
            assert await status(registry, "spooled") == "pending_consul"
            empty.kill()
            assert await status(registry, "both-down") == "pending_consul"
            assert await registry.deregister_node("goes")
            server.start()
            empty.start()
            await eventually(lambda: _is_drained(registry))
            await eventually(lambda: asyncio.sleep(0, not delivery.sender.breaker.is_open))
            await agrees(delivery, empty, dict.fromkeys(("stays", "spooled", "both-down"), "1.0.0"))


async def _is_drained(registry: NodeRegistryService) -> bool:
    return bool((await registry.get_metrics())["spooled_changes"] == 0)


async def test_a_slow_network(empty: Agent, database_url: str, tmp_path: Path) -> None:
    """Slow answers are waited for, those slower than the time-out are not; afterwards nothing is missing."""
    with slow_network(empty.ports["http"]) as network:
        async with a_registry(settings_of(network.address), database_url, tmp_path) as (registry, delivery):
            network.delay_seconds = 0.1
            assert {await status(registry, f"slow-{number}") for number in range(5)} == {"complete"}
            network.delay_seconds = 3.0
            began = monotonic()
            answers = await asyncio.gather(*(status(registry, f"late-{number}") for number in range(10)))
            assert (set(answers), monotonic() - began < 10) == ({"pending_consul"}, True)
            network.delay_seconds = 0.0
            await eventually(lambda: asyncio.sleep(0, not delivery.sender.breaker.is_open))
            names = [f"slow-{number}" for number in range(5)] + [f"late-{number}" for number in range(10)]
            await agrees(delivery, empty, dict.fromkeys(names, "1.0.0"))


async def test_a_process_that_is_killed_between_any_two_steps(empty: Agent, database_url: str, tmp_path: Path) -> None:
    """What it had answered for is there, what it had begun is in both or in neither, and no row is left owed."""
    rng = Random(6)
    acknowledged: set[str] = set()
    for _ in range(3):
        acknowledged = _killed(empty, database_url, tmp_path, 0.05 + rng.random() / 2)
    settings = settings_of(empty.address)
    with ConsulDelivery(settings, database_url) as delivery, connect(database_url) as database:
        # The time passes for which the relay leaves a change to whoever made it, or took it.
        database.execute("UPDATE registry_outbox SET next_attempt_at = now()")
        while delivery.relay.step():
            pass
        plan = Reconciler(delivery).look()
        assert plan.consistency == 1.0
        assert delivery.require_outbox().count() == 0
        assert acknowledged <= set(plan.equal)
        assert set(plan.equal) == set(empty.services())


def test_relay_and_reconciliation_killed_before_each_of_their_steps(empty: Agent, database_url: str) -> None:
    """Before each statement and each request in turn: the next one makes all good, and nothing is owed on."""
    command = [sys.executable, "-m", "tests.registry.dying", database_url, empty.address]
    done = subprocess.run(command, capture_output=True, text=True, timeout=300, check=False)
    assert done.returncode == 0, done.stderr
    killed = {name: int(times) for name, times in map(str.split, done.stdout.splitlines())}
    assert killed.keys() == {"relay", "reconciliation"}
    assert min(killed.values()) >= 10, killed


def _killed(agent: Agent, url: str, home: Path, seconds: float) -> set[str]:
    """Kill a writer so long after its first answer; return the nodes that it said are registered."""
    environment = os.environ | {"CONSUL_HTTP_ADDR": agent.address}
    command = [sys.executable, "-m", "tests.registry.writer", url, str(home)]
    with (home / "answers").open("wb") as out:
        writer = subprocess.Popen(command, stdout=out, env=environment)
    try:
        began = monotonic()
        while not (home / "answers").stat().st_size:
            assert writer.poll() is None
            assert monotonic() - began < 120
            sleep(0.01)
        sleep(seconds)
    finally:
        writer.kill()
        writer.wait()
    said = (home / "answers").read_text().splitlines()
    # Of the last one the removal may have been under way.
    return {name for name in said[:-1] if f"-{name}" not in said and not name.startswith("-")}
