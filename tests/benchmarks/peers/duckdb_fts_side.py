"""DuckDB's full text search: `duckdb_fts_side.py JOB`, by the python that has DuckDB 1.4 and its fts extension.

JOB is a file: {"nodes": file of JSON lines with id, node_type and the columns, "columns": [...], "queries": [[words,
node_type or null], ...], "limit": how many}. Prints {"found": [[id, ...], ...], "ms": [...]}, one each query.
The extension's defaults throughout: its tokenizer, its stemmer, its BM25, any word may match.
"""

import json
import sys
from pathlib import Path
from time import perf_counter
from typing import Any

import duckdb
import duckdb_ext


def main(job: dict[str, Any]) -> None:
    """Index the nodes, then ask."""
    connection = duckdb.connect(config={"allow_unsigned_extensions": "true"})
    (extension,) = Path(next(iter(duckdb_ext.__path__))).rglob("fts.duckdb_extension")
    connection.execute(f"LOAD '{extension}'")
    connection.execute("CREATE TABLE nodes AS SELECT * FROM read_json(?, format = 'newline_delimited')", [job["nodes"]])
    columns = ", ".join(f"'{column}'" for column in job["columns"])
    connection.execute(f"PRAGMA create_fts_index('nodes', 'id', {columns})")
    found, took = [], []
    for words, node_type in job["queries"]:
        began = perf_counter()
        rows = connection.execute(_SQL, [words, node_type, node_type, job["limit"]]).fetchall()
        took.append(1000 * (perf_counter() - began))
        found.append([row[0] for row in rows])
    print(json.dumps({"found": found, "ms": took}))


_SQL = """
    SELECT *, count(*) OVER () AS total
    FROM (SELECT *, fts_main_nodes.match_bm25(id, ?) AS score FROM nodes)
    WHERE score IS NOT NULL AND (? IS NULL OR node_type = ?)
    ORDER BY score DESC LIMIT ?
"""

main(json.loads(Path(sys.argv[1]).read_text()))
