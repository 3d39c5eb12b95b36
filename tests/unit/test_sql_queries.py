"""The named queries."""

import re
from pathlib import Path

import pytest

import sql
from sql.queries import package_queries, parse_queries, query

FOLDER = Path(sql.__file__).parent


def test_every_query_is_explained() -> None:
    """Under each name stands a comment before the statement."""
    text = "\n".join(file.read_text() for file in FOLDER.glob("*queries.sql"))
    blocks = re.split(r"^-- \w+ --\n", text, flags=re.MULTILINE)[1:]
    assert len(blocks) == len(package_queries())
    assert all(block.startswith("-- ") for block in blocks)


def test_every_query_is_used_and_every_used_query_is_there() -> None:
    """No statement is left over, and none is missing."""
    code = "".join(file.read_text() for file in FOLDER.glob("*.py") if file.name != "queries.py")
    assert set(re.findall(r'query\("(\w+)"\)', code)) == set(package_queries())


def test_an_unknown_name_is_refused() -> None:
    """A slip in a name is found at once."""
    with pytest.raises(KeyError):
        query("no_such_query")


def test_comments_inside_a_statement_stay() -> None:
    """Only the comment above a statement is taken off."""
    assert parse_queries("-- one --\n-- Why.\nSELECT\n-- inside\n1;\n") == {"one": "SELECT\n-- inside\n1;"}
