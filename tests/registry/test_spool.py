"""What happens to changes while Postgres is away, and afterwards."""

import asyncio
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from registry import ModelNodeRegistrationOutput, NodeRegistryService
from registry.checks import checked_node
from registry.draining import drain
from registry.outcomes import registration
from registry.spool import MAX_BYTES, Spool, SpoolFull
from sql.connection import Connection
from sql.connections import Connections
from sql.errors import CannotConnect
from sql.node_rows import HealthReport, Registration
from sql.node_store import NodeStore
from sql.spooled_changes import SpooledChanges
from tests.own_postgres import OwnPostgres, own_postgres
from tests.registry.nodes import eventually, node


def _registration(node_id: str, **changes: Any) -> Registration:
    return registration(checked_node(node(node_id, **changes)))


@pytest.fixture(scope="module")
def server() -> Iterator[OwnPostgres]:
    """A server to be stopped and started."""
    with own_postgres() as server:
        yield server


async def test_changes_wait_for_a_postgres_that_is_away(server: OwnPostgres, tmp_path: Path) -> None:
    """They are taken and said to wait, shared by the services of the machine, and arrive in order when it is back."""

    def service(home: str) -> NodeRegistryService:
        return NodeRegistryService(enable_postgres=True, postgres_url=server.url, home=tmp_path / home)

    async with service("ours") as registry, service("ours") as other, service("elsewhere") as far:
        await registry.register_nodes([node("stays"), node("goes"), node("changes")])
        server.stop()
        _is_spooled(await registry.register_node(node("new")), server.url)
        _is_spooled(await registry.register_node(node("changes", version="2.0.0")), server.url)
        _is_spooled(await other.register_node(node("of-other", version="3.0.0")), server.url)
        assert await registry.deregister_node("goes")
        assert await registry.heartbeat("stays", "degraded")
        assert await registry.update_node_health("stays", "healthy")
        assert not (await registry.register_node(node("bad", version="x"))).success
        with pytest.raises(CannotConnect, match="Start that server"):
            await registry.get_all_nodes()
        metrics = await registry.get_metrics()
        assert (metrics["registered_nodes_total"], metrics["spooled_changes"]) == (None, 6)
        server.start()
        await far.register_node(node("of-other", version="9.0.0"))
        await eventually(lambda: _is_drained(tmp_path))
        found = {row["node_id"]: row for row in await registry.get_all_nodes()}
        assert {node_id: row["version"] for node_id, row in found.items()} == {
            "stays": "1.0.0",
            "new": "1.0.0",
            "changes": "2.0.0",
            "of-other": "9.0.0",
        }
        assert found["stays"]["health_status"] == "healthy"
        assert (await registry.register_node(node("after"))).registration_result.is_degraded is False


def _is_spooled(answer: ModelNodeRegistrationOutput, url: str) -> None:
    result = answer.registration_result
    assert (answer.success, result.is_degraded, result.postgres_registered) == (True, True, False)
    assert result.status == "pending_consul"
    assert answer.error_message is not None
    assert "Postgres is away" in answer.error_message
    assert url not in answer.error_message


async def _is_drained(home: Path) -> bool:
    return await asyncio.to_thread(_nothing_waits, home)


def _nothing_waits(home: Path) -> bool:
    return all(file.stat().st_size == 0 for file in home.rglob("spool-*.jsonl"))


async def test_what_is_left_is_brought_in_by_the_next_process(server: OwnPostgres, tmp_path: Path) -> None:
    """A program that ended while Postgres was away loses nothing: who opens the registry next brings it in first."""

    def service() -> NodeRegistryService:
        return NodeRegistryService(enable_postgres=True, postgres_url=server.url, home=tmp_path)

    server.stop()
    async with service() as registry:
        nodes = [node(f"left-{number}", node_type="left") for number in range(50)]
        answers = await asyncio.gather(*(registry.register_node(one) for one in nodes))
        assert all(answer.success for answer in answers)
        assert await registry.deregister_node("left-7")
    server.start()
    async with service() as registry:
        assert await registry.deregister_node("left-8")
        assert len(await registry.get_nodes_by_type("left")) == 48
        assert (await registry.get_metrics())["spooled_changes"] == 0


@pytest.fixture
def connections(database_url: str) -> Any:
    """Connections to an empty registry."""
    opened = Connections(database_url)
    yield opened
    opened.close()


def test_no_change_is_made_twice(tmp_path: Path, connections: Connections, database: Connection) -> None:
    """Killed between the database's commit and the emptying of the file, a drain makes nothing again."""
    spool = Spool(tmp_path / "spool.jsonl")
    spool.add([_registration("a"), _registration("b")])
    spool.add([HealthReport("a", "degraded"), HealthReport("a", "healthy"), "b"])
    before = spool.path.read_bytes()
    assert {done.node_id: done.row is not None for done in drain(spool, SpooledChanges(connections))} == {
        "a": True,
        "b": False,
    }
    assert spool.is_empty()
    history = database.execute("SELECT node_id, change FROM node_history ORDER BY change_id").fetchall()
    assert sorted(history) == [("a", "health"), ("a", "registered"), ("b", "deregistered"), ("b", "registered")]
    spool.path.write_bytes(before)
    assert drain(spool, SpooledChanges(connections)) == []
    assert database.execute("SELECT count(*) FROM node_history").fetchone() == (4,)
    assert database.execute("SELECT health_status FROM node_heartbeats").fetchall() == [("healthy",)]


def test_later_changes_are_not_overwritten(tmp_path: Path, connections: Connections) -> None:
    """What somebody registered, changed or removed after it was spooled stays so."""
    spool, store = Spool(tmp_path / "spool.jsonl"), NodeStore(connections)
    store.register([_registration("removed"), _registration("untouched")])
    spool.add([_registration(node_id, version="2.0.0") for node_id in ("removed", "registered", "untouched")])
    store.deregister(["removed"])
    store.register([_registration("registered", version="3.0.0")])
    drain(spool, SpooledChanges(connections))
    rows = NodeStore(connections).report_health([HealthReport(name, "healthy") for name in ("registered", "untouched")])
    assert [row and row.row and row.row["version"] for row in rows] == ["3.0.0", "2.0.0"]
    assert store.deregister(["removed"]) == [None]


def test_half_a_line_and_a_refused_change_stop_nothing(tmp_path: Path, connections: Connections) -> None:
    """Half a line was never promised to anybody; what the database does not take is kept aside with the reason."""
    spool = Spool(tmp_path / "spool.jsonl")
    spool.add([_registration("first")])
    with spool.path.open("ab") as file:
        file.write(b'{"operation_id": "5d')
    spool.add([Registration("refused", "x" * 300, "effect", "1.0.0", [], {}, {}, 90), _registration("last")])
    assert spool.count() == 4
    done = drain(spool, SpooledChanges(connections))
    assert sorted(written.node_id for written in done) == ["first", "last"]
    (refused,) = (tmp_path / "spool.refused.jsonl").read_text().splitlines()
    assert json.loads(refused)["node_id"] == "refused"
    assert "value too long" in json.loads(refused)["reason"]


def test_a_spool_that_is_full_says_so(tmp_path: Path) -> None:
    """Then a change fails, and what waits already stays."""
    spool = Spool(tmp_path / "spool.jsonl")
    spool.add(["n-1"])
    with spool.path.open("r+b") as file:
        file.truncate(MAX_BYTES)
    with pytest.raises(SpoolFull, match="is full"):
        spool.add(["n-2"])
    assert spool.path.stat().st_size == MAX_BYTES
