"""`omninode registry register`, `deregister`, `heartbeat`, `show` and `diff`, as users have them."""

import json
from datetime import UTC, datetime
from pathlib import Path

import pytest

from omninode.cli.registry_given import from_file
from omninode.cli.registry_nodes import NoSuchNode
from omninode.errors import BadInput
from tests.command import CommandLine
from tests.registry.conftest import Run
from tests.registry.nodes import node


def test_a_node_from_its_registration_to_its_end(run: Run, tmp_path: Path) -> None:
    """Registered by options, alive, shown, changed by a file, removed: and the difference tells all of it."""
    options = ["--id", "n-1", "--name", "MyNode", "--type", "effect", "--version", "1.0.0", "--ttl", "30"]
    more = ["--capability", "http_api=HTTP API", "--endpoint", "http=http://host:8080", "--metadata", "workers=4"]
    (registered,) = json.loads(run("register", *options, *more, "--format", "json"))
    assert (registered["success"], registered["node_id"], registered["status"]) == (True, "n-1", "complete")
    beaten = json.loads(run("heartbeat", "n-1", "--health", "degraded", "--format", "json"))
    assert beaten == [{"node_id": "n-1", "health_status": "degraded", "registered": True}]
    shown = json.loads(run("show", "n-1", "--format", "json"))
    assert shown["capabilities"] == [{"name": "http_api", "description": "HTTP API"}]
    assert (shown["health_status"], shown["metadata"], shown["ttl_seconds"]) == ("degraded", {"workers": 4}, 30)
    began = datetime.now(UTC).isoformat()
    nodes = [node("n-1", version="2.0.0"), node("n-2")]
    (tmp_path / "nodes.jsonl").write_text("\n".join(map(json.dumps, nodes)), encoding="utf-8")
    assert len(json.loads(run("register", "nodes.jsonl", "--format", "json"))) == 2
    assert json.loads(run("deregister", "n-2", "--format", "json")) == [{"node_id": "n-2", "deregistered": True}]
    (differs,) = json.loads(run("diff", began, "--format", "json"))
    assert (differs["node_id"], differs["change"], differs["changes"]) == ("n-1", "updated", 1)
    assert "version" in differs["fields"]
    then = json.loads(run("show", "n-1", "--as-of", began, "--format", "json"))
    assert then["version"] == "1.0.0"
    assert "2.0.0" in run("show", "n-1")


def test_what_cannot_be_done_is_said(run: Run, tmp_path: Path) -> None:
    """Bad input names the field, an unknown node its id; the good nodes of a list are registered."""
    (tmp_path / "nodes.json").write_text(json.dumps([node("good"), node("bad", version="1.0")]))
    with pytest.raises(BadInput, match="1 of 2 nodes failed; the first is number 2: version: must be"):
        run("register", "nodes.json")
    with pytest.raises(NoSuchNode, match="no node bad; `omninode registry discover`"):
        run("deregister", "good", "bad")
    with pytest.raises(BadInput, match="T1: 'yesterday' is no time"):
        run("diff", "yesterday")


def test_with_postgres_away_a_registration_is_kept(tmp_path: Path) -> None:
    """It is said to wait, in the table and on standard error, and lies in the home."""
    variables = {"OMNINODE_HOME": str(tmp_path), "OMNINODE_POSTGRES_URL": "postgresql://me:secret@127.0.0.1:1/none"}
    (tmp_path / "node.json").write_text(json.dumps(node()))
    done = CommandLine(tmp_path, variables).run("registry", "register", "node.json", "--format", "json")
    assert done.returncode == 0, done.stderr
    (row,) = json.loads(done.stdout)
    assert (row["status"], row["is_degraded"], row["postgres_registered"]) == ("pending_consul", True, False)
    assert done.stderr.startswith("omninode: Postgres is away")
    assert "secret" not in done.stderr
    (kept,) = (tmp_path / "registry").glob("spool-*.jsonl")
    assert json.loads(kept.read_text())["node_id"] == "n-1"


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("", "is empty"),
        ('{"a": 1,\n "b": }', "line 2: is no JSON"),
        ('{"a": 1}\n{"b"}', "line 2: is no JSON"),
        ("[" * 100_000, "is nested too deeply"),
        ("1" * 10_000, "a number too long"),
        (b"\xff\xfe", "is not in UTF-8"),
    ],
)
def test_a_file_that_is_none(tmp_path: Path, text: str | bytes, said: str) -> None:
    """The file and the line are named."""
    file = tmp_path / "nodes.json"
    file.write_bytes(text if isinstance(text, bytes) else text.encode())
    with pytest.raises(BadInput, match=said):
        from_file(str(file))


def test_files_come_in_three_shapes(tmp_path: Path) -> None:
    """One object, a list of them, one a line; a byte order mark does not matter."""
    file = tmp_path / "nodes.json"
    for text, count in (('{"a": 1}', 1), ("[{}, {}]", 2), ('{"a": 1}\n\n{"b": 2}\n', 2), ('\ufeff{"a":\n1}', 1)):
        file.write_text(text, encoding="utf-8")
        assert len(from_file(str(file))) == count
