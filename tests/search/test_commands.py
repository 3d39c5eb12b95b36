"""`omninode registry search` and `discover`, as users have them."""

import csv
import io
import json
from pathlib import Path

import pytest

from ingest.lake import open_lake
from sql.connection import Connection
from tests.command import CommandLine
from tests.events import completed, failed, started
from tests.lakes import append_rows
from tests.search.judged import JUDGED_NODES
from tests.search.nodes import copy, node, write


@pytest.fixture
def command(tmp_path: Path, database: Connection, database_url: str) -> CommandLine:
    """A command line over the judged nodes."""
    copy(database, JUDGED_NODES)
    return CommandLine(tmp_path, {"OMNINODE_HOME": str(tmp_path / "home"), "OMNINODE_POSTGRES_URL": database_url})


def test_search_prints_a_page_and_its_counts(command: CommandLine) -> None:
    """As JSON one object with results, counts and facets; as a table the reasons too; as CSV a row a node."""
    found = json.loads(command.done("registry", "search", "kafka consmer", "--format", "json"))
    assert [result["node_id"] for result in found["results"]] == ["kc1"]
    assert found["total_count"] == 1
    assert found["facets"]["node_type"] == {"effect": 1}
    table = command.done("registry", "search", "validator", "--type", "compute", "--explain")
    assert "JwtValidator" in table
    assert "validator (exact)" in table
    rows = list(csv.DictReader(io.StringIO(command.done("registry", "search", "api", "--format", "csv"))))
    assert {row["node_id"]: row["capabilities"] for row in rows}["api1"] == "http_api;rate_limiting"


def test_quality_is_that_of_the_generation_in_the_lake(
    command: CommandLine, database: Connection, tmp_path: Path
) -> None:
    """A node whose metadata names its workflow is shown with its latest attempt's quality and success."""
    retried = [
        started("w-2"),
        failed("w-2"),
        started("w-2", attempt=2),
        completed("w-2", attempt=2, quality_score=0.75),
    ]
    events = [started("w-1"), completed("w-1", quality_score=0.9), *retried, started("w-3"), failed("w-3")]
    append_rows(open_lake(str(tmp_path / "home" / "lake")), events, name="generations")
    write(database, [node(f"made-{number}", metadata={"workflow_id": f"w-{number}"}) for number in (1, 2, 3, 4)])
    found = json.loads(command.done("registry", "search", "MyNode", "--format", "json"))["results"]
    assert {node["node_id"]: (node["quality_score"], node["generation_success"]) for node in found} == {
        "made-1": (0.9, True),
        "made-2": (0.75, True),
        "made-3": (None, False),
        "made-4": (None, None),
    }
    good = command.rows("registry", "discover", "--quality-min", "0.8")
    assert [node["node_id"] for node in good] == ["made-1"]
