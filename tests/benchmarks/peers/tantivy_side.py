"""Tantivy: `tantivy_side.py JOB`, by the python that has it. JOB and what is printed are as in duckdb_fts_side.py.

All words must match, as with ours; the documents are stored and returned, and the matches are counted.
"""

import json
import sys
from pathlib import Path
from time import perf_counter
from typing import Any

import tantivy


def main(job: dict[str, Any]) -> None:
    """Index the nodes in memory, then ask."""
    builder = tantivy.SchemaBuilder()
    for name in ("id", "node_type"):
        builder.add_text_field(name, stored=True, tokenizer_name="raw", index_option="basic")
    for column in job["columns"]:
        builder.add_text_field(column, stored=True)
    index = tantivy.Index(builder.build())
    writer = index.writer(200_000_000, 1)
    with Path(job["nodes"]).open() as lines:
        for line in lines:
            writer.add_document(tantivy.Document(**{name: [text] for name, text in json.loads(line).items()}))
    writer.commit()
    writer.wait_merging_threads()
    index.reload()
    searcher = index.searcher()
    found, took = [], []
    for words, node_type in job["queries"]:
        began = perf_counter()
        found.append(_ask(index, searcher, words, node_type, job))
        took.append(1000 * (perf_counter() - began))
    print(json.dumps({"found": found, "ms": took}))


def _ask(index: Any, searcher: Any, words: str, node_type: str | None, job: dict[str, Any]) -> list[str]:
    query = index.parse_query(words, job["columns"], conjunction_by_default=True)
    if node_type is not None:
        term = tantivy.Query.term_query(index.schema, "node_type", node_type)
        query = tantivy.Query.boolean_query([(tantivy.Occur.Must, query), (tantivy.Occur.Must, term)])
    hits = searcher.search(query, job["limit"], count=True).hits
    documents = [searcher.doc(address) for _, address in hits]
    return [document["id"][0] for document in documents]


main(json.loads(Path(sys.argv[1]).read_text()))
