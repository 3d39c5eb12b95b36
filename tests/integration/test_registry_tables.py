"""What the triggers of registered_nodes keep, on a real server."""

import json

import pytest

from sql.connection import Connection
from sql.errors import database_errors

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
