"""DuckDB's full text search: `duckdb_fts_side.py FILE`, by the python that has DuckDB 1.4 and its fts extension.

FILE is JSON lines: first {"k": how many to return, "filter": whether queries name a node type, "columns": [...]}, then
nodes {"id": ..., "node_type": ..., column: text}, then queries {"query": ..., "node_type": ...}. Prints a JSON line with
the ids found for each query and the milliseconds that each took. Everything is as the extension has it by default.
"""

import json
import sys
from pathlib import Path
from time import perf_counter
from typing import Any

import duckdb
import duckdb_ext


def main(file: str) -> None:
    """Index the nodes, then ask."""
    job, *lines = map(json.loads, Path(file).read_text().splitlines())
    connection = duckdb.connect(config={"allow_unsigned_extensions": "true"})
    (extension,) = Path(duckdb_ext.__path__[0]).rglob("fts.duckdb_extension")
    connection.execute(f"LOAD '{extension}'")
    columns = job["columns"]
    connection.execute(f"CREATE TABLE nodes (id VARCHAR, node_type VARCHAR, {', '.join(f'{c} VARCHAR' for c in columns)})")
    nodes = [line for line in lines if "id" in line]
    connection.executemany(
        f"INSERT INTO nodes VALUES ({', '.join('?' * (len(columns) + 2))})",
        [[node["id"], node["node_type"], *(node[column] for column in columns)] for node in nodes],
    ) if len(nodes) < 1_000 else connection.execute(f"INSERT INTO nodes SELECT id, node_type, {', '.join(columns)} FROM read_csv('{job['csv']}')")
    connection.execute(f"PRAGMA create_fts_index('nodes', 'id', {', '.join(repr(c) for c in columns)})")
    found, took = [], []
    for line in lines:
        if "query" in line:
            began = perf_counter()
            rows = _ask(connection, line, job)
            took.append(1000 * (perf_counter() - began))
            found.append([row[0] for row in rows])
    print(json.dumps({"found": found, "ms": took}))


def _ask(connection: Any, line: dict[str, Any], job: dict[str, Any]) -> Any:
    wanted = "AND node_type = ?" if job["filter"] else ""
    sql = f"""
        SELECT *, count(*) OVER () AS total FROM (SELECT *, fts_main_nodes.match_bm25(id, ?) AS score FROM nodes)
        WHERE score IS NOT NULL {wanted} ORDER BY score DESC LIMIT {int(job["k"])}
    """
    return connection.execute(sql, [line["query"], *([line["node_type"]] if job["filter"] else [])]).fetchall()


main(sys.argv[1])
