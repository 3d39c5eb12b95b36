"""Nodes in a real Consul: what they are there, how they get there, and how both sides are compared."""

import asyncio
from collections.abc import AsyncIterator, Iterator
from contextlib import closing
from dataclasses import replace
from pathlib import Path
from typing import Any
from uuid import uuid4

import pytest

from omninode.process import free_port
from registry import NodeRegistryService
from registry.consul.client import ConsulClient
from registry.consul.delivery import ConsulDelivery, NoConsul, default_delivery
from registry.consul.errors import CannotRead, ConsulAway, ConsulDenied, UnknownCheck
from registry.consul.service import service_of
from registry.consul.settings import ConsulSettings
from registry.discovery import Owed
from registry.reconcile import Reconciler
from sql.connection import Connection
from sql.outbox_store import Sent
from tests.consul import Agent, an_agent
from tests.registry.nodes import node


@pytest.fixture
def delivery(shared_consul: Agent, database_url: str) -> Iterator[ConsulDelivery]:
    """What brings the nodes of the test's own database to Consul; its relay works only when it is told to."""
    settings = ConsulSettings.read({"CONSUL_HTTP_ADDR": shared_consul.address})
    with ConsulDelivery(settings, database_url, luck=lambda: 0.0) as made:
        yield made
        for node_id, service in shared_consul.services().items():
            if service["Meta"].get("registry_id") == made.sender.registry_id:
                made.sender.client.deregister(node_id)


@pytest.fixture
async def registry(delivery: ConsulDelivery, database_url: str, tmp_path: Path) -> AsyncIterator[NodeRegistryService]:
    """A registry that brings its nodes to Consul."""
    async with NodeRegistryService(
        enable_consul=True, enable_postgres=True, postgres_url=database_url, home=tmp_path, delivery=delivery
    ) as made:
        yield made


def an_id() -> str:
    """Return an id that no other test has in the shared agent."""
    return f"n-{uuid4().hex[:12]}"


async def test_a_node_is_a_service(
    registry: NodeRegistryService, delivery: ConsulDelivery, shared_consul: Agent, database: Connection
) -> None:
    """Registered it is complete, passes, and can be looked up; its health is the status; deregistered it is gone."""
    name = an_id()
    answer = await registry.register_node(node(name, node_name="PostgresCRUD"))
    assert (answer.registration_result.status, answer.registration_result.consul_registered) == ("complete", True)
    delivery.relay.note()
    assert database.execute("SELECT count(*) FROM registry_outbox").fetchone() == (0,)
    service = shared_consul.services()[name]
    assert (service["Service"], service["Address"], service["Port"]) == ("postgres-crud", "10.0.0.1", 8080)
    assert service["Tags"] == ["type:effect", "version:1.0.0", "capability:http_api"]
    assert service["Meta"]["revision"] == str(answer.registration_result.revision)
    assert [found["Checks"][1]["Status"] for found in shared_consul.ask("health/service/postgres-crud")] == ["passing"]
    for health, status in (("degraded", "warning"), ("unhealthy", "critical"), ("healthy", "passing")):
        await registry.update_node_health(name, health)
        assert shared_consul.status(name) == status
    await registry.register_node(node(name, node_name="PostgresCRUD", version="2.0.0", capabilities=[]))
    assert shared_consul.services()[name]["Tags"] == ["type:effect", "version:2.0.0"]
    assert shared_consul.status(name) == "passing"
    assert await registry.deregister_node(name)
    assert name not in shared_consul.services()
    delivery.relay.note()
    assert database.execute("SELECT count(*) FROM registry_outbox").fetchone() == (0,)


async def test_a_heartbeat_brings_back_what_the_agent_forgot(
    registry: NodeRegistryService, delivery: ConsulDelivery, shared_consul: Agent
) -> None:
    """A check that is unknown there is registered again, with all of the node."""
    name = an_id()
    await registry.register_node(node(name))
    delivery.sender.client.deregister(name)
    with pytest.raises(UnknownCheck):
        delivery.sender.client.report(name, "passing")
    assert await registry.heartbeat(name)
    assert shared_consul.services()[name]["Meta"]["version"] == "1.0.0"


async def test_a_node_that_comes_back_passes_again(
    registry: NodeRegistryService, delivery: ConsulDelivery, shared_consul: Agent, database: Connection
) -> None:
    """Consul had failed it for its silence, and keeps the status of a check that is registered again: we do not."""
    name = an_id()
    await registry.register_node(node(name))
    shared_consul.ask(f"agent/check/fail/service:{name}", method="PUT")
    database.execute("UPDATE registered_nodes SET registration_timestamp = now() - INTERVAL '1 hour'")
    assert (await registry.register_node(node(name))).registration_result.status == "complete"
    assert shared_consul.status(name) == "passing"


async def test_a_new_node_passes_whatever_was_there(
    registry: NodeRegistryService, delivery: ConsulDelivery, shared_consul: Agent
) -> None:
    """A service of ours that was left behind, its check failed, passes when its node is registered anew."""
    name = an_id()
    row = {**node(name), "endpoints": {}, "ttl_seconds": 90, "revision": 1}
    left_behind = service_of(row, delivery.sender.registry_id)
    delivery.sender.client.register(left_behind, status="critical", ttl_seconds=180)
    assert (await registry.register_node(node(name))).registration_result.status == "complete"
    assert shared_consul.status(name) == "passing"


async def test_a_service_of_somebody_else_is_left_alone(
    registry: NodeRegistryService,
    delivery: ConsulDelivery,
    shared_consul: Agent,
    database: Connection,
    caplog: pytest.LogCaptureFixture,
) -> None:
    """It is neither changed, nor failed, nor removed; the answer and a comparison say so; it may be taken over."""
    names = sorted(an_id() for _ in range(3))
    for name in names:
        body = {
            "Name": "theirs",
            "ID": name,
            "Check": {"CheckID": f"service:{name}", "TTL": "90s", "Status": "passing"},
        }
        shared_consul.ask("agent/service/register", method="PUT", body=body)
    answers = await registry.register_nodes([node(name) for name in names])
    for answer in answers:
        result = answer.registration_result
        assert (answer.success, result.status, result.consul_registered) == (True, "pending_consul", False)
        assert "somebody else has a service of this id. Remove that one" in str(answer.error_message)
    database.execute("UPDATE registry_outbox SET next_attempt_at = now()")
    assert delivery.relay.step() == 3
    assert len([record for record in caplog.records if "Consul does not have" in record.message]) == 1
    assert f"node {names[0]} and 2 more" in caplog.text
    assert await registry.update_node_health(names[0], "unhealthy")
    assert await registry.deregister_node(names[2])
    assert {shared_consul.services()[name]["Service"] for name in names} == {"theirs"}
    assert [shared_consul.status(name) for name in names] == ["passing"] * 3
    reconciler = Reconciler(delivery)
    report = reconciler.run()
    assert (report.left.foreign, report.left.remove, report.left.consistency) == (tuple(names[:2]), (), 0.0)
    assert reconciler.run(takes_over=True).left.equal == tuple(names[:2])
    assert shared_consul.services()[names[0]]["Service"] == "my-node"
    assert shared_consul.services()[names[2]]["Service"] == "theirs"
    delivery.sender.client.deregister(names[2])


async def test_the_relay_brings_what_is_owed(
    database_url: str, delivery: ConsulDelivery, shared_consul: Agent, database: Connection, tmp_path: Path
) -> None:
    """What a process left behind arrives once its grace is over, as the node is by then, and removals too."""
    kept, gone = an_id(), an_id()
    async with NodeRegistryService(enable_postgres=True, postgres_url=database_url, home=tmp_path) as silent:
        await silent.register_nodes([node(kept), node(gone)])
        assert delivery.relay.step() == 0
        database.execute("UPDATE registry_outbox SET next_attempt_at = now()")
        assert delivery.relay.step() == 2
        assert {kept, gone} <= set(shared_consul.services())
        await silent.register_node(node(kept, version="1.1.0"))
        await silent.deregister_node(gone)
    database.execute("UPDATE registry_outbox SET next_attempt_at = now()")
    assert delivery.relay.step() == 2
    assert delivery.relay.step() == 0
    services = shared_consul.services()
    assert services[kept]["Meta"]["version"] == "1.1.0"
    assert gone not in services
    assert database.execute("SELECT count(*) FROM registry_outbox").fetchone() == (0,)
    assert database.execute("SELECT consul_registered FROM registered_nodes").fetchall() == [(True,)]


async def test_an_older_state_that_arrives_last_is_owed_again(
    registry: NodeRegistryService, delivery: ConsulDelivery, shared_consul: Agent, database: Connection
) -> None:
    """Two processes change a node; whose change was sent last does not win by that."""
    name = an_id()
    first = await registry.register_node(node(name))
    row = await registry.get_node_by_id(name)
    assert row is not None
    await registry.register_node(node(name, version="1.1.0"))
    delivery.relay.note()
    revision = first.registration_result.revision
    assert revision is not None
    stale = Owed(name, revision, row, only_health=False)
    assert delivery.deliver([stale]) == [None]
    assert shared_consul.services()[name]["Meta"]["version"] == "1.0.0"
    delivery.relay.note()
    assert delivery.relay.step() == 1
    assert shared_consul.services()[name]["Meta"]["version"] == "1.1.0"
    # The same the other way about: what is settled in the name of an older revision stays owed.
    await registry.deregister_node(name)
    delivery.relay.note()
    delivery.require_outbox().settle([Sent(name, revision, is_removal=False)])
    assert delivery.relay.step() == 1
    assert name not in shared_consul.services()
    assert database.execute("SELECT count(*) FROM registry_outbox").fetchone() == (0,)


async def test_reconciliation_repairs_both_ways(
    registry: NodeRegistryService, delivery: ConsulDelivery, shared_consul: Agent
) -> None:
    """Missing, other content, other health, orphans: found by a dry run, then repaired; what is not ours stays."""
    missing, changed, ill, fine, orphan, foreign = (an_id() for _ in range(6))
    await registry.register_nodes([node(name) for name in (missing, changed, ill, fine)])
    client, registry_id = delivery.sender.client, delivery.sender.registry_id
    row = await registry.get_node_by_id(changed)
    assert row is not None
    client.deregister(missing)
    client.register(service_of({**row, "version": "0.9.0"}, registry_id), status="passing", ttl_seconds=90)
    client.report(ill, "critical")
    client.register(service_of({**row, "node_id": orphan}, registry_id), status="passing", ttl_seconds=90)
    client.register(service_of({**row, "node_id": foreign}, "another"), status="passing", ttl_seconds=90)
    reconciler = Reconciler(delivery)
    dry = reconciler.run(is_dry_run=True)
    assert (dry.found.register, dry.found.update, dry.found.health) == ((missing,), (changed,), (ill,))
    assert (dry.found.remove, dry.found.equal, dry.found.consistency) == ((orphan,), (fine,), 0.2)
    assert missing not in shared_consul.services()
    report = reconciler.run()
    assert (report.found, report.owed) == (dry.found, 0)
    assert report.left.consistency == 1.0
    assert sorted(report.left.equal) == sorted([missing, changed, ill, fine])
    services = shared_consul.services()
    assert orphan not in services
    assert services.pop(foreign)["Meta"]["registry_id"] == "another"
    client.deregister(foreign)


async def test_without_consul_nodes_wait_and_it_is_said(database_url: str, tmp_path: Path, free_address: str) -> None:
    """An agent that is away costs the first caller a moment, the others none; the answer says what is missing."""
    settings = ConsulSettings.read({"CONSUL_HTTP_ADDR": free_address})
    with ConsulDelivery(settings, database_url) as away:
        async with NodeRegistryService(
            enable_consul=True, enable_postgres=True, postgres_url=database_url, home=tmp_path, delivery=away
        ) as registry:
            answers = await registry.register_nodes([node(an_id()) for _ in range(3)])
            assert away.sender.breaker.is_open
            assert {answer.registration_result.status for answer in answers} == {"pending_consul"}
            assert all(answer.success and answer.registration_result.is_degraded for answer in answers)
            assert away.relay.step() == 0
            with pytest.raises(ConsulAway, match=f"Consul at http://{free_address} does not answer"):
                Reconciler(away).run()


def test_what_the_environment_names(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, shared_consul: Agent, caplog: pytest.LogCaptureFixture
) -> None:
    """An address; else a program on the PATH, shared by a folder's users and ended by the last; else none at all."""
    monkeypatch.setenv("PATH", "/nowhere")
    assert isinstance(default_delivery(None, {}, home=tmp_path), NoConsul)
    (tmp_path / "bin").mkdir()
    (tmp_path / "bin/consul").symlink_to(shared_consul.program)
    monkeypatch.setenv("PATH", str(tmp_path / "bin"))
    one, other = (default_delivery(None, {}, home=tmp_path) for _ in range(2))
    assert [record.message.split(".")[0] for record in caplog.records if "embedded" in record.message] == [
        "The embedded Consul forgets its nodes when the last of its users ends"
    ]
    with closing(one), closing(other):
        assert isinstance(one, ConsulDelivery)
        assert isinstance(other, ConsulDelivery)
        row = {
            **node("n-1"),
            "endpoints": {},
            "ttl_seconds": 90,
            "health_status": "healthy",
            "revision": 1,
            "last_heartbeat": None,
        }
        assert one.deliver([Owed("n-1", 1, row, only_health=False)]) == [None]
        assert list(other.sender.client.services()) == ["n-1"]
    assert not (tmp_path / "consul/agent.json").exists()


def test_an_empty_list_without_permission_is_no_answer(tmp_path: Path) -> None:
    """With ACLs that deny, nobody may write, and who sees nothing hears that; with a token all is well."""
    token = str(uuid4())
    acl = {"enabled": True, "default_policy": "deny", "tokens": {"master": token}}
    with an_agent(tmp_path / "consul", more={"acl": acl}, token=token) as agent:
        allowed = ConsulSettings.read({"CONSUL_HTTP_ADDR": agent.address, "CONSUL_HTTP_TOKEN": token})
        row = {
            **node("n-1"),
            "endpoints": {},
            "ttl_seconds": 90,
            "health_status": "healthy",
            "revision": 1,
            "last_heartbeat": None,
        }
        good, bad = ConsulClient(allowed), ConsulClient(replace(allowed, token=None))
        assert good.services() == {}
        with pytest.raises(CannotRead):
            bad.services()
        with pytest.raises(ConsulDenied, match="CONSUL_HTTP_TOKEN"):
            bad.register(service_of(row, "r"), status="passing", ttl_seconds=90)
        good.register(service_of(row, "r"), status="passing", ttl_seconds=90)
        with pytest.raises(CannotRead):
            bad.services()
        assert list(good.services()) == ["n-1"]
        good.close()
        bad.close()


async def test_the_services_own_consul_and_the_memory(shared_consul: Agent, monkeypatch: pytest.MonkeyPatch) -> None:
    """Without Postgres nodes go to the Consul that CONSUL_HTTP_ADDR names, by the same rules."""
    monkeypatch.setenv("CONSUL_HTTP_ADDR", shared_consul.address)
    name = an_id()
    async with NodeRegistryService(enable_consul=True) as registry:
        answer: Any = await asyncio.wait_for(registry.register_node(node(name)), 30)
        assert answer.registration_result.status == "complete"
        assert name in shared_consul.services()
        await registry.deregister_node(name)
    assert name not in shared_consul.services()


@pytest.fixture
def free_address() -> str:
    """An address where nobody answers."""
    return f"127.0.0.1:{free_port()}"
