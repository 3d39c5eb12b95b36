"""What the triggers of registered_nodes keep, on a real server."""

import json
from collections.abc import Callable

import pytest

from registry.checks import checked_node
from registry.outcomes import registration
from sql.connection import Connection
from sql.connections import Connections
from sql.errors import database_errors
from sql.node_rows import Filters, HealthReport
from sql.node_store import NodeStore
from sql.outbox_store import OutboxStore, Sent
from tests.registry.nodes import node

INSERT = "INSERT INTO registered_nodes (node_id, node_name, node_type, version) VALUES ('n-1', 'N', 'effect', '1.0.0')"


def test_every_change_is_recorded_owed_to_consul_and_told(database: Connection) -> None:
    """Each way of changing a node leaves a history row; the outbox keeps one row a node; listeners get all."""
    database.execute("LISTEN registry_changed")
    database.execute(INSERT)
    database.execute("UPDATE registered_nodes SET health_status = 'healthy'")
    database.execute("UPDATE registered_nodes SET version = '1.1.0'")
    database.execute("DELETE FROM registered_nodes")
    history = database.execute(
        "SELECT change, revision, node ->> 'version' FROM node_history ORDER BY change_id"
    ).fetchall()
    assert [(change, version) for change, _, version in history] == [
        ("registered", "1.0.0"),
        ("health", "1.0.0"),
        ("updated", "1.1.0"),
        ("deregistered", None),
    ]
    revisions = [revision for _, revision, _ in history]
    assert revisions == sorted(set(revisions))
    owed = database.execute("SELECT node_id, revision, only_health FROM registry_outbox").fetchall()
    assert owed == [("n-1", revisions[-1], False)]
    told = [json.loads(notice.payload) for notice in database.notifies(timeout=10, stop_after=4)]
    assert told == [{"node_id": "n-1", "revision": revision} for revision in revisions]


def test_a_heartbeat_is_no_revision_but_is_seen_by_the_watermark(database: Connection) -> None:
    """It only stamps the row with its transaction."""
    database.execute(INSERT)
    before = database.execute("SELECT revision FROM registered_nodes").fetchone()
    watermark = database.execute("SELECT pg_snapshot_xmin(pg_current_snapshot())::TEXT").fetchone()
    assert watermark is not None
    database.execute("UPDATE registered_nodes SET last_heartbeat = now()")
    seen = database.execute("SELECT revision FROM registered_nodes WHERE changed_xid >= %s::xid8", watermark).fetchone()
    assert seen == before
    assert database.execute("SELECT count(*) FROM node_history").fetchone() == (1,)


def test_a_node_keeps_its_id(database: Connection) -> None:
    """Another id would be another node, and the old one would vanish without a trace."""
    database.execute(INSERT)
    with pytest.raises(Exception, match="keeps its node_id"), database_errors():
        database.execute("UPDATE registered_nodes SET node_id = 'n-2'")


def test_no_call_reads_all_nodes(database_url: str, database: Connection) -> None:
    """However many there are by now: the plans were made when there were few."""
    connections = Connections(database_url)
    store = NodeStore(connections)
    names = [f"n-{number:04}" for number in range(2_000)]
    calls: dict[str, Callable[[str], object]] = {
        "register": lambda name: store.register([registration(checked_node(node(name)))]),
        "report_health": lambda name: store.report_health([HealthReport(name, "healthy")]),
        "find": lambda name: store.find(Filters(node_id=name)),
        "nodes": lambda name: OutboxStore(connections).nodes([name]),
        "mark": lambda name: OutboxStore(connections).mark([name]),
        "settle": lambda name: OutboxStore(connections).settle([Sent(name, 1, is_removal=False)]),
        "deregister": lambda name: store.deregister([name]),
    }
    for name in names[:12]:
        for call in calls.values():
            call(name)
    store.register([registration(checked_node(node(name))) for name in names])

    def reads() -> int:
        connections.run(lambda connection: connection.execute("SELECT pg_stat_force_next_flush()"))
        row = database.execute(
            "SELECT seq_tup_read + coalesce(idx_tup_fetch, 0) FROM pg_stat_user_tables "
            "WHERE relname = 'registered_nodes'"
        ).fetchone()
        assert row is not None
        return int(row[0])

    for place, (what, call) in enumerate(calls.items(), 1_000):
        before = reads()
        call(names[place])
        assert reads() - before <= 20, what
    connections.close()
