"""One suite for both backends: whatever the registry promises holds in memory and in Postgres."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import closing
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from omninode.errors import BadInput
from omninode.settings import Settings
from registry import EnumHealthStatus, ModelNodeQueryInput, NodeRegistryService, SearchAPI, debts
from registry.checks import checked_node
from registry.outcomes import registration
from registry.postgres_backend import HEARTBEATS_KEPT, PostgresBackend
from registry.search_api import ModelSearchQuery
from sql.connection import Connection
from sql.connections import Connections
from sql.node_store import NodeStore
from tests.registry.nodes import Clock, Ledger, eventually, node


@pytest.fixture
def clock() -> Clock:
    """A clock that stands."""
    return Clock()


@pytest.fixture(params=["memory", "postgres"])
def place(request: pytest.FixtureRequest, tmp_path: Path) -> dict[str, Any]:
    """Where the nodes are, each of the two in turn."""
    if request.param == "memory":
        return {}
    return {"enable_postgres": True, "postgres_url": request.getfixturevalue("database_url"), "home": tmp_path}


@pytest.fixture
async def registry(place: dict[str, Any]) -> AsyncIterator[NodeRegistryService]:
    """A registry on each backend in turn."""
    async with NodeRegistryService(**place) as found:
        yield found


async def test_a_registered_node_is_found(registry: NodeRegistryService, place: dict[str, Any]) -> None:
    """By id, by type and among all, with all that it said, and with what the registry adds."""
    answer = await registry.register_node(node())
    result = answer.registration_result
    assert (answer.success, answer.error_message, result.status, result.is_degraded) == (True, None, "complete", False)
    assert (result.consul_registered, result.postgres_registered) == (False, bool(place))
    found = await registry.get_node_by_id("n-1")
    assert found is not None
    assert {name: found[name] for name in ("node_name", "node_type", "version", "capabilities", "metadata")} == {
        name: node()[name] for name in ("node_name", "node_type", "version", "capabilities", "metadata")
    }
    assert found["endpoints"] == {"http": {"url": "http://10.0.0.1:8080"}}
    assert (found["health_status"], found["last_heartbeat"], found["ttl_seconds"]) == ("unknown", None, 90)
    assert (found["revision"], found["registration_timestamp"]) == (result.revision, result.registration_timestamp)
    assert await registry.get_nodes_by_type("Effect") == await registry.get_all_nodes() == [found]
    assert await registry.get_nodes_by_type("compute") == []
    assert await registry.get_node_by_id("n-2") is None


async def test_registering_again_is_an_update(registry: NodeRegistryService) -> None:
    """The same changes nothing but shows that it is alive; something else is a new revision, registered when it was."""
    first = (await registry.register_node(node())).registration_result
    await registry.update_node_health("n-1", "healthy")
    known = await registry.get_node_by_id("n-1")
    again = (await registry.register_node(node())).registration_result
    assert known is not None
    assert (again.revision, again.registration_timestamp) == (known["revision"], first.registration_timestamp)
    changed = (await registry.register_node(node(version="1.1.0", metadata={}))).registration_result
    assert changed.revision is not None
    assert changed.revision > known["revision"]
    found = await registry.get_node_by_id("n-1")
    assert found is not None
    assert (found["version"], found["metadata"], found["health_status"]) == ("1.1.0", {}, "healthy")
    assert found["registration_timestamp"] == first.registration_timestamp


async def test_queries(registry: NodeRegistryService) -> None:
    """Every filter has to match; pages come in the order of ids, and the count is without them."""
    nodes = [node(f"n-{number}", node_type="compute" if number % 2 else "effect") for number in range(7)]
    nodes += [node("other", node_name="Other", version="2.0.0-rc.1", capabilities=[{"name": "http"}])]
    assert all(answer.success for answer in await registry.register_nodes(nodes))
    await registry.update_node_health("n-2", EnumHealthStatus.HEALTHY)

    async def ids(limit: int | None = None, offset: int = 0, **filters: str) -> tuple[list[str], int]:
        asked = ModelNodeQueryInput.model_validate({"query_filters": filters, "limit": limit, "offset": offset})
        found = await registry.query_nodes(asked)
        return [row["node_id"] for row in found.nodes], found.total_count

    assert await ids(node_type="compute") == (["n-1", "n-3", "n-5"], 3)
    assert await ids(node_type="effect", health_status="healthy", capability="http_api") == (["n-2"], 1)
    assert await ids(capability="http") == await ids(version="2.0.0-rc.1") == await ids(name="Other") == (["other"], 1)
    assert await ids(limit=2, offset=3) == (["n-3", "n-4"], 8)
    assert await ids(limit=2, offset=30) == ([], 8)
    assert await ids(name="' OR 1=1 --") == ([], 0)
    assert [row["node_id"] for row in await registry.get_healthy_nodes()] == ["n-2"]
    assert await registry.get_healthy_nodes("compute") == []


async def test_bad_input_is_refused_and_nothing_is_kept(registry: NodeRegistryService) -> None:
    """The answer names the field; the other nodes of the call are registered, each once."""
    bad: list[Any] = [
        node("../v1/agent/leave"),
        node("x" * 10_000),
        node(version="1.0"),
        node(node_name="two\nlines"),
        node(metadata={"much": "x" * 10_000_000}),
        node(metadata={"huge": 10**5000}),
        node(capabilities="http_api"),
        node(colour="red"),
        {"node_introspection": {"node_id": "n-1"}},
        7,
    ]
    answers = await registry.register_nodes([*bad, node("good"), node("good", version="3.0.0")])
    fields = ["node_id", "node_id", "version", "node_name", "metadata", "metadata", "capabilities", "colour"]
    for answer, field in zip(answers, [*fields, "node_name: is missing", "the node"], strict=False):
        assert not answer.success
        assert answer.registration_result.status == "failed"
        assert answer.error_message is not None
        assert answer.error_message.startswith(field)
        assert len(answer.error_message) < 500
        assert "\n" not in answer.error_message
    assert [(row["node_id"], row["version"]) for row in await registry.get_all_nodes()] == [("good", "3.0.0")]
    metrics = await registry.get_metrics()
    assert (metrics["total_registrations"], metrics["failed_registrations"]) == (12, 10)
    for answer, said in zip(
        await registry.register_nodes(
            [
                node(""),
                node("x" * 300),
                node(metadata={"a": {"b": {1, 2}}}),
                node(metadata={"a": "x" * 70_000}),
                node(metadata={"\x1b[2J": 1}),
                node(capabilities=[{"name": "a"}] * 201),
                node(health_check={"ttl_seconds": 0}),
            ]
        ),
        [
            "node_id: must not be empty",
            "node_id: must have at most 255 characters, has 300: shorten it",
            "metadata: a.b is no JSON: it can be text,",
            "metadata: must be at most 65,536 bytes as JSON, has 70,008: keep what is large elsewhere",
            r"metadata: \x1b[2J is a name with control characters: remove them",
            "capabilities: must have at most 200 entries, has 201: shorten it",
            "health_check.ttl_seconds: must be at least 1, not 0",
        ],
        strict=True,
    ):
        assert str(answer.error_message).startswith(said)
    for wrong in (None, "n-1", node()):
        with pytest.raises(BadInput, match=r"nodes: must be a list of nodes, not .*; one node takes register_node"):
            await registry.register_nodes(wrong)  # type: ignore[arg-type]
    for asked in ({"limit": 1 << 70}, {"offset": 1 << 70}):
        with pytest.raises(BadInput, match=f"{next(iter(asked))}: must be at most 1,000,000,000, not a huge number"):
            await registry.query_nodes(asked)
    with pytest.raises(BadInput, match="limit: must be a whole number from 1 to 1,000,000,000, not None"):
        await registry.get_heartbeats("good", limit=None)  # type: ignore[arg-type]
    with pytest.raises(BadInput, match="colour: is not known"):
        await registry.query_nodes({"query_filters": {"colour": "red"}})
    with pytest.raises(BadInput, match="health_status: 'fine' is none; write healthy, degraded, unhealthy or unknown"):
        await registry.update_node_health("good", "fine")
    with pytest.raises(BadInput, match="node_id: "):
        await registry.get_node_by_id("")


async def test_silence_overrides_what_a_node_said(place: dict[str, Any], clock: Clock) -> None:
    """After its TTL a node is degraded, after twice that unhealthy; a heartbeat makes it well again."""
    async with NodeRegistryService(**place, clock=clock) as registry:
        _at(place, clock)
        await registry.register_node(node(health_check={"ttl_seconds": 10}))

        async def health() -> tuple[str, str]:
            (found,) = await registry.get_all_nodes()
            return found["health_status"], found["reported_health_status"]

        assert await health() == ("unknown", "unknown")
        assert await registry.heartbeat("n-1")
        clock.move(10)
        assert await health() == ("healthy", "healthy")
        clock.move(1)
        assert await health() == ("degraded", "healthy")
        assert await registry.get_healthy_nodes() == []
        clock.move(10)
        assert await health() == ("unhealthy", "healthy")
        assert (await registry.get_metrics())["nodes_by_health"]["unhealthy"] == 1
        _at(place, clock)
        assert (await registry.query_nodes({"query_filters": {"health_status": "unhealthy"}})).total_count == 1


def _at(place: dict[str, Any], clock: Clock) -> None:
    """What is written into Postgres bears its own time: let the clock of the questions begin there."""
    if place:
        clock.now = max(clock.now, datetime.now(UTC))


async def test_heartbeats_are_kept(registry: NodeRegistryService) -> None:
    """Each one, with what was said; those of nobody are told so."""
    await registry.register_node(node())
    for health in ("healthy", "degraded", "healthy"):
        assert await registry.update_node_health("n-1", health)
    beats = await registry.get_heartbeats("n-1")
    assert [beat["health_status"] for beat in beats] == ["healthy", "degraded", "healthy"]
    assert beats[0]["received_at"] > beats[-1]["received_at"]
    found = await registry.get_node_by_id("n-1")
    assert found is not None
    assert found["last_heartbeat"] == beats[0]["received_at"]
    assert not await registry.heartbeat("n-2")
    assert await registry.get_heartbeats("n-2") == []


async def test_history(registry: NodeRegistryService) -> None:
    """A node is seen as it was at any time, and two times can be compared."""
    start = _after()
    await registry.register_nodes([node("a"), node("b"), node("c")])
    first = await _pause()
    await registry.update_node_health("a", "healthy")
    await registry.register_node(node("b", version="2.0.0"))
    await registry.deregister_node("c")
    await registry.register_node(node("d"))
    await registry.deregister_node("d")
    second = await _pause()
    await registry.register_node(node("b"))
    then, now = await registry.get_node_by_id("b", as_of=first), await registry.get_node_by_id("b", second)
    assert then is not None
    assert now is not None
    assert (then["version"], now["version"]) == ("1.0.0", "2.0.0")
    assert await registry.get_node_by_id("b", as_of=start) is None
    assert await registry.get_node_by_id("c", as_of=second) is None
    healthy = await registry.get_node_by_id("a", as_of=second)
    assert healthy is not None
    assert (healthy["health_status"], healthy["last_heartbeat"] is None) == ("healthy", False)
    found = {one.node_id: (one.change, one.fields, one.changes) for one in await registry.diff(first, second)}
    assert found["a"] == ("health", ["health_status"], 1)
    assert found["b"] == ("updated", ["version"], 1)
    assert found["c"][0] == "deregistered"
    assert set(found) == {"a", "b", "c"}
    assert {one.node_id: one.change for one in await registry.diff(start)} == dict.fromkeys("ab", "registered")
    assert await registry.diff(second, second) == []
    with pytest.raises(BadInput, match="until"):
        await registry.diff(second, first)


def _after() -> datetime:
    return datetime.now(UTC)


async def _pause() -> datetime:
    await asyncio.sleep(0.002)
    at = _after()
    await asyncio.sleep(0.002)
    return at


async def test_deregistration(registry: NodeRegistryService) -> None:
    """A node that is gone is not found, cannot be removed twice, and can come back."""
    await registry.register_node(node())
    assert await registry.deregister_node("n-1")
    assert not await registry.deregister_node("n-1")
    assert await registry.get_all_nodes() == []
    assert (await registry.get_metrics())["registered_nodes_total"] == 0
    assert (await registry.register_node(node())).success


async def test_what_is_registered_can_be_searched(registry: NodeRegistryService) -> None:
    """The search follows the registry wherever its nodes are."""
    await registry.register_node(node(node_name="KafkaConsumer"))
    with SearchAPI(registry) as search:
        assert (await search.search(ModelSearchQuery(query="kafka"))).total_count == 1
        await registry.deregister_node("n-1")

        async def is_gone() -> bool:
            return (await search.search(ModelSearchQuery(query="kafka"))).total_count == 0

        await eventually(is_gone)


async def test_consul_gets_every_change_with_its_revision(place: dict[str, Any]) -> None:
    """Registrations, health and removals; a Consul that is away is said, and stops nothing."""
    ledger = Ledger()
    async with NodeRegistryService(**place, delivery=ledger) as registry:
        answer = await registry.register_node(node())
        assert (answer.registration_result.status, answer.registration_result.consul_registered) == ("complete", True)
        await registry.heartbeat("n-1")
        await registry.deregister_node("n-1")
        await registry.deregister_node("n-1")
        assert [(owed.node is None, owed.only_health) for owed in ledger.got] == [
            (False, False),
            (False, True),
            (True, False),
        ]
        revisions = [owed.revision for owed in ledger.got]
        assert revisions == sorted(set(revisions))
        ledger.is_away = True
        answer = await registry.register_node(node())
        assert (answer.success, answer.registration_result.is_degraded) == (True, True)
        assert answer.registration_result.status == "pending_consul"
        assert answer.error_message == "Consul does not have it yet; it follows by itself. It is away."
        ledger.is_away, ledger.got = False, []
        many = await registry.register_nodes([node(f"m-{number}") for number in range(100)])
        assert {answer.registration_result.status for answer in many} == {"pending_consul"}
        assert not any(answer.registration_result.is_degraded for answer in many)

        async def has_all() -> bool:
            return len(ledger.got) == 100

        await eventually(has_all)


async def test_an_older_change_never_reaches_consul_after_a_newer_one(place: dict[str, Any]) -> None:
    """Nodes that are on their way in the background, and removed meanwhile, are gone in the end."""
    ledger = Ledger()
    async with NodeRegistryService(**place, delivery=ledger) as registry:
        ids = [f"n-{number:03d}" for number in range(200)]
        await registry.register_nodes([node(node_id) for node_id in ids])
        await asyncio.gather(*(registry.deregister_node(node_id) for node_id in reversed(ids)))

        async def is_empty() -> bool:
            last = {owed.node_id: owed.node for owed in list(ledger.got)}
            return len(last) == 200 and not any(last.values())

        await eventually(is_empty)
    revisions: dict[str, int] = {}
    for owed in ledger.got:
        assert revisions.get(owed.node_id, 0) <= owed.revision
        revisions[owed.node_id] = owed.revision


async def test_without_an_outbox_consul_is_tried_again(monkeypatch: pytest.MonkeyPatch) -> None:
    """What is in memory alone is brought to Consul once it is back."""
    monkeypatch.setattr(debts, "_PAUSE_SECONDS", 0.02)
    ledger = Ledger()
    ledger.is_away = True
    async with NodeRegistryService(delivery=ledger) as registry:
        await registry.register_nodes([node("a"), node("b")])
        await registry.heartbeat("a")
        await registry.deregister_node("b")
        ledger.is_away = False

        async def has_both() -> bool:
            return {(owed.node_id, owed.node is None, owed.only_health) for owed in ledger.got} == {
                ("a", False, False),
                ("b", True, False),
            }

        await eventually(has_both)


async def test_old_heartbeats_are_let_go(database_url: str, database: Connection, tmp_path: Path) -> None:
    """Those of more than a week ago."""
    backend = PostgresBackend(Settings(home=tmp_path, postgres_url=database_url))
    backend.register([registration(checked_node(node()))])
    database.execute(
        "INSERT INTO node_heartbeats SELECT 'n-1', now() - n * INTERVAL '1 day', 'healthy' FROM "
        "generate_series(1, 30) AS n"
    )
    with closing(Connections(database_url)) as connections:
        assert NodeStore(connections).expire_heartbeats(HEARTBEATS_KEPT, most=10) == 10
        assert NodeStore(connections).expire_heartbeats(HEARTBEATS_KEPT, most=1_000) == 14
    assert len(backend.heartbeats("n-1", 100)) == 6
    backend.close()


async def test_many_callers_at_once(registry: NodeRegistryService) -> None:
    """Nothing is lost when callers register, move and remove the same nodes at the same time."""
    ids = [f"n-{number:02d}" for number in range(20)]

    async def caller(number: int) -> None:
        await registry.register_nodes([node(node_id, version=f"{number}.0.0") for node_id in ids])
        await asyncio.gather(*(registry.heartbeat(node_id) for node_id in ids[number::8]))

    await asyncio.gather(*(caller(number) for number in range(8)))
    assert [row["node_id"] for row in await registry.get_healthy_nodes()] == ids
    assert (await registry.get_metrics())["successful_registrations"] == 160
