"""The same nodes and the same questions for others that search."""

import json
import sqlite3
import subprocess
from collections.abc import Iterable, Sequence
from pathlib import Path
from time import perf_counter
from typing import NamedTuple

from registry.search.document import NodeDocument, metadata_texts
from sql.connection import Connection
from tests.benchmarks.harness import NotMeasured
from tests.benchmarks.peers.environment import peer_python

COLUMNS = ("name", "capabilities", "metadata")
_PATIENCE_SECONDS = 300


class Question(NamedTuple):
    """What is looked for, and of which node type; None for any."""

    words: str
    node_type: str | None = None


class Found(NamedTuple):
    """For each question the ids, best first, and the milliseconds that it took."""

    found: list[list[str]]
    ms: list[float]


def write_nodes(documents: Iterable[NodeDocument], file: Path) -> None:
    """Write the texts by which nodes are found, one node a line."""
    with file.open("w") as lines:
        for document in documents:
            lines.write(json.dumps(_texts(document)) + "\n")


def ask_peer(name: str, nodes: Path, questions: Sequence[Question], *, limit: int = 10) -> Found:
    """Ask a peer that has a program and an environment of its own. Raises `NotMeasured` where it cannot be had."""
    python = peer_python(name)
    job = nodes.with_suffix(".job")
    asked = {"nodes": str(nodes), "columns": COLUMNS, "queries": questions, "limit": limit}
    job.write_text(json.dumps(asked))
    command = [str(python), str(Path(__file__).parent / "peers" / f"{name}_side.py"), str(job)]
    done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=_PATIENCE_SECONDS)
    if done.returncode != 0:
        raise NotMeasured(f"{name} failed: {(done.stderr.strip() or 'no message').splitlines()[-1]}")
    return Found(**json.loads(done.stdout))


class Fts5:
    """SQLite's FTS5 in memory, with its default tokenizer and ranking. All words must match, or with `OR` any."""

    def __init__(self, nodes: Path, operator: str = "AND") -> None:
        self._operator = f" {operator} "
        self._database = sqlite3.connect(":memory:")
        self._database.execute(f"CREATE VIRTUAL TABLE nodes USING fts5(id UNINDEXED, node_type UNINDEXED, {_LIST})")
        self._database.executemany(f"INSERT INTO nodes VALUES (:id, :node_type, {_NAMED})", _read(nodes))

    def ask(self, question: Question, *, limit: int = 10) -> list[str]:
        """Return ids, best first."""
        words = self._operator.join(f'"{word}"' for word in question.words.split())
        kind = "" if question.node_type is None else "AND node_type = ?"
        sql = f"SELECT * FROM nodes WHERE nodes MATCH ? {kind} ORDER BY rank LIMIT ?"
        count = f"SELECT count(*) FROM nodes WHERE nodes MATCH ? {kind}"
        parameters = [words, *([] if question.node_type is None else [question.node_type])]
        self._database.execute(count, parameters).fetchone()
        return [row[0] for row in self._database.execute(sql, [*parameters, limit])]


class PostgresFts:
    """Postgres: a tsvector of weighted columns under a GIN index, ranked by ts_rank."""

    def __init__(self, connection: Connection, nodes: Path) -> None:
        self._connection = connection
        connection.execute(f"CREATE TABLE fts (id TEXT, node_type TEXT, {', '.join(f'{c} TEXT' for c in COLUMNS)})")
        with connection.cursor().copy("COPY fts FROM STDIN") as rows:
            for line in _read(nodes):
                rows.write_row([line["id"], line["node_type"], *(line[column] for column in COLUMNS)])
        vector = " || ".join(
            f"setweight(to_tsvector('simple', {c}), '{w}')" for c, w in zip(COLUMNS, "ABC", strict=True)
        )
        connection.execute(f"ALTER TABLE fts ADD COLUMN words tsvector GENERATED ALWAYS AS ({vector}) STORED")
        connection.execute("CREATE INDEX fts_words ON fts USING gin (words)")
        connection.execute("VACUUM ANALYZE fts")

    def ask(self, question: Question, *, limit: int = 10) -> list[str]:
        """Return ids, best first."""
        sql = """
            SELECT *, count(*) OVER () FROM fts, plainto_tsquery('simple', %s) AS query
            WHERE words @@ query AND (%s::TEXT IS NULL OR node_type = %s)
            ORDER BY ts_rank(words, query) DESC LIMIT %s
        """
        kind = question.node_type
        return [row[0] for row in self._connection.execute(sql, [question.words, kind, kind, limit])]


def timed(side: "Fts5 | PostgresFts", questions: Sequence[Question]) -> Found:
    """Ask all questions, one after another."""
    found, took = [], []
    for question in questions:
        began = perf_counter()
        found.append(side.ask(question))
        took.append(1000 * (perf_counter() - began))
    return Found(found, took)


_LIST = ", ".join(COLUMNS)
_NAMED = ", ".join(f":{column}" for column in COLUMNS)


def _texts(document: NodeDocument) -> dict[str, str]:
    capabilities = [f"{capability['name']} {capability.get('description', '')}" for capability in document.capabilities]
    return {
        "id": document.node_id,
        "node_type": document.node_type,
        "name": document.node_name,
        "capabilities": " ".join(capabilities),
        # As ours looks for them there too.
        "metadata": " ".join((document.node_type, document.node_id, *metadata_texts(document.metadata))),
    }


def _read(nodes: Path) -> Iterable[dict[str, str]]:
    with nodes.open() as lines:
        yield from map(json.loads, lines)


__all__ = ["COLUMNS", "Found", "Fts5", "PostgresFts", "Question", "ask_peer", "timed", "write_nodes"]
