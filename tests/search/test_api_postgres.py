"""The search as a whole, over a real Postgres that others write to."""

import asyncio
from collections.abc import Awaitable, Callable, Iterator
from dataclasses import replace
from time import monotonic

import pytest

from omninode.errors import BadInput
from registry.search.index import Generation
from registry.search_api import EnumSortBy, ModelSearchQuery, SearchAPI
from sql.connection import Connection, connect
from sql.errors import CannotConnect
from tests.postgres import on_database
from tests.search.nodes import PostgresNodes, copy, many_nodes, node, write


@pytest.fixture
def api(database_url: str) -> Iterator[SearchAPI]:
    """A search over an empty registry."""
    with SearchAPI(PostgresNodes(database_url)) as api:
        yield api


async def _found(api: SearchAPI, query: str) -> list[str]:
    return [result.node_id for result in (await api.search(ModelSearchQuery(query=query))).results]


async def _soon(what: Callable[[], Awaitable[bool]], seconds: float = 30.0) -> bool:
    """Within a second on an idle machine; a busy one gets more."""
    deadline = monotonic() + seconds
    while monotonic() < deadline:
        if await what():
            return True
        await asyncio.sleep(0.005)
    return False


async def test_changes_of_others_are_found_soon(api: SearchAPI, database: Connection) -> None:
    """A node that is registered, changed or removed by any connection is found so, without asking for it."""
    assert await _found(api, "kafka") == []
    write(database, [node("n-1", "KafkaConsumer")])
    assert await _soon(lambda: _is(api, "kafka", ["n-1"]))
    write(database, [node("n-1", "RedisCache")])
    assert await _soon(lambda: _is(api, "kafka", []))
    assert await _found(api, "redis") == ["n-1"]
    database.execute("DELETE FROM registered_nodes")
    assert await _soon(lambda: _is(api, "redis", []))


async def _is(api: SearchAPI, query: str, expected: list[str]) -> bool:
    return await _found(api, query) == expected


async def test_a_missed_notice_is_caught_up(api: SearchAPI, database: Connection, database_url: str) -> None:
    """What is written without a notice, and what a long transaction commits late, is found soon too."""
    await _found(api, "anything")
    database.execute("ALTER TABLE node_history DISABLE TRIGGER announce")
    write(database, [node("silent", "SilentNode")])
    assert await _soon(lambda: _is(api, "silent", ["silent"]))
    with connect(database_url) as late:
        with late.transaction():
            write(late, [node("late", "LateNode")])
            write(database, [node("early", "EarlyNode")])
            assert await _soon(lambda: _is(api, "early", ["early"]))
        assert await _soon(lambda: _is(api, "late", ["late"]))


async def test_following_goes_on_after_the_connection_broke(api: SearchAPI, database: Connection) -> None:
    """When the server ends the connection, the search opens another and misses nothing."""
    await _found(api, "anything")
    database.execute(
        "SELECT pg_terminate_backend(pid, 60000) FROM pg_stat_activity "
        "WHERE pid <> pg_backend_pid() AND datname = current_database()"
    )
    write(database, [node("n-1", "KafkaConsumer")])
    assert await _soon(lambda: _is(api, "kafka", ["n-1"]))


async def test_a_fill_finds_what_single_changes_would(database_url: str, database: Connection) -> None:
    """The index of a full table answers as one to which the nodes came one by one."""
    nodes = list(many_nodes(300))
    with SearchAPI(PostgresNodes(database_url)) as slow:
        await _found(slow, "anything")
        copy(database, nodes)
        assert await _soon(lambda: _counts(slow, 300))
        with SearchAPI(PostgresNodes(database_url)) as fast:
            for query in ("kafka", "kafka consumer", "data requests", "eu west", "team-redis"):
                one, other = [await api.search(ModelSearchQuery(query=query, page_size=300)) for api in (slow, fast)]
                assert one.total_count > 0
                assert [r.node_id for r in one.results] == [r.node_id for r in other.results]
                assert one.facets["node_type"] == other.facets["node_type"]


async def _counts(api: SearchAPI, count: int) -> bool:
    return (await api.search(ModelSearchQuery())).total_count == count


async def test_numbers_are_found_as_postgres_keeps_them(database_url: str, database: Connection) -> None:
    """What was 7.30 at the fill is gone when it is 8.40."""
    write(database, [node("n-1")])
    database.execute("UPDATE registered_nodes SET metadata = '{\"ratio\": 7.30}'")
    with SearchAPI(PostgresNodes(database_url)) as api:
        assert await _found(api, "ratio 7.3") == ["n-1"]
        database.execute("UPDATE registered_nodes SET metadata = '{\"ratio\": 8.40}'")
        assert await _soon(lambda: _is(api, "8.4", ["n-1"]))
        assert await _found(api, "7.3") == []


async def test_discovery_returns_every_match(api: SearchAPI, database: Connection) -> None:
    """`discover_*` are not cut off at a page."""
    copy(database, many_nodes(1_500))
    write(database, [replace(node(f"c-{number}", "Consumer", "kafka_consumer")) for number in range(250)])
    database.execute("UPDATE registered_nodes SET last_heartbeat = now()")
    by_type = await api.discover_by_type("effect")
    healthy = await api.get_healthy_nodes_by_type("effect")
    with_kafka = await api.discover_by_capability("kafka_consumer")
    rows = database.execute("SELECT count(*) FROM registered_nodes WHERE node_type = 'effect'").fetchone()
    sick = "SELECT count(*) FROM registered_nodes WHERE node_type = 'effect' AND health_status = 'healthy'"
    assert (len(by_type),) == rows
    assert (len(healthy),) == database.execute(sick).fetchone()
    having = 'SELECT count(*) FROM registered_nodes WHERE capabilities @> \'[{"name": "kafka_consumer"}]\''
    assert (len(with_kafka),) == database.execute(having).fetchone()
    assert len(with_kafka) >= 250


async def test_quality_comes_from_the_workflow_that_made_the_node(database_url: str, database: Connection) -> None:
    """A node whose metadata names its workflow has that generation's quality; `quality_score_min` keeps the good."""
    qualities = {"w-good": Generation(0.9, True), "w-bad": Generation(0.4, False)}
    write(database, [node("good", metadata={"workflow_id": "w-good"}), node("bad", metadata={"workflow_id": "w-bad"})])
    write(database, [node("said", metadata={"quality_score": 0.7}), node("unknown")])

    def look_up(workflows: object) -> dict[str, Generation]:
        return qualities

    with SearchAPI(PostgresNodes(database_url), look_up) as api:
        good = await api.search(ModelSearchQuery(quality_score_min=0.7, sort_by=EnumSortBy.NAME))
        assert {result.node_id: result.quality_score for result in good.results} == {"good": 0.9, "said": 0.7}
        everything = await api.search(ModelSearchQuery())
        assert {result.node_id: result.generation_success for result in everything.results} == {
            "good": True,
            "bad": False,
            "said": None,
            "unknown": None,
        }


async def test_a_database_that_is_away_is_said(postgres_server: str) -> None:
    """Without an index there is no answer, but a line that names the server; the next question tries again."""
    with SearchAPI(PostgresNodes(on_database(postgres_server, "not_there"))) as api:
        for _ in range(2):
            with pytest.raises(CannotConnect, match="not_there"):
                await api.search(ModelSearchQuery())


async def test_a_bad_range_is_refused_by_name(api: SearchAPI) -> None:
    """The field and what it should look like are named."""
    with pytest.raises(BadInput, match="version_min: 'new' is no range of versions; write"):
        await api.search(ModelSearchQuery(version_min="new"))
