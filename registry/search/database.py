"""The index's tables in DuckDB: it makes the postings of a fill, and answers questions in SQL.

Tables: `nodes` (one row a node, by slot), `node_capabilities`, `postings` (number of a term, slot, weight) and
`term_numbers`; `node_terms` is a view of the postings with the terms themselves.
"""

import re
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import duckdb
import numpy as np
import numpy.typing as npt
import pyarrow as pa  # type: ignore[import-untyped]  # it brings no types

from registry.search.document import NodeDocument
from registry.search.lists import Lists
from registry.search.pages import as_table
from registry.search.postings import Postings
from registry.search.weights import FIELDS
from registry.search.words import folded

_FILL = ("node_capabilities", "texts", "fold", "identifiers", "identifier_terms", "text_terms", "term_numbers")


class Filled(NamedTuple):
    """What a fill made: the postings, and the capabilities of each slot."""

    postings: Postings
    capabilities: Lists


class Change(NamedTuple):
    """A slot's node as it is now, with its terms; None if it is gone."""

    document: NodeDocument | None
    terms: Mapping[str, float]


class Database:
    """The tables, in memory. One thread at a time may use it."""

    def __init__(self) -> None:
        self._connection = duckdb.connect()
        self._connection.execute("ATTACH ':memory:' AS search (COMPRESS); USE search; SET TimeZone = 'UTC'")

    def fill(self, nodes: pa.Table) -> Filled:
        """Take all nodes (a table of `NODES`, by slot) and make their postings."""
        self._take("given", _with_slots(nodes, range(len(nodes))))
        self._run("tables")
        weights = [(field.value, *weight) for field, weight in FIELDS.items()]
        self._connection.executemany("INSERT INTO field_weights VALUES (?, ?, ?, ?)", weights)
        for step in _FILL:
            self._fold() if step == "fold" else self._run(step)
        self._run("postings")
        self._run("clean_up")
        return Filled(self._postings(), self._capabilities(len(nodes)))

    def apply(self, changes: Mapping[int, Change]) -> None:
        """Bring the tables up to nodes that changed."""
        slots = list(changes)
        there = [(slot, change.document) for slot, change in changes.items() if change.document is not None]
        terms = [(term, slot, weight) for slot, change in changes.items() for term, weight in change.terms.items()]
        self._take("gone", pa.table({"slot": pa.array(slots, pa.int32())}))
        self._take("given", _with_slots(as_table(document for _, document in there), [slot for slot, _ in there]))
        self._take("given_terms", _columns(terms))
        self._run("apply")

    def sql(self, sql: str) -> list[tuple[Any, ...]]:
        """Answer a question in SQL."""
        return self._connection.execute(sql).fetchall()

    def close(self) -> None:
        """Let go of everything."""
        self._connection.close()

    def _fold(self) -> None:
        """Fold by our own rules what has other letters than ASCII's: DuckDB knows no compatibility forms."""
        texts = [text for (text,) in self.sql(_statements()["other_letters"])]
        self._take("given_folded", pa.table({"text": texts, "folded": [folded(text) for text in texts]}, _FOLDED))
        self._connection.execute("CREATE TABLE folded AS SELECT * FROM given_folded")

    def _postings(self) -> Postings:
        sql = "SELECT number, slot, weight FROM postings ORDER BY number, slot"
        rows: dict[str, npt.NDArray[Any]] = self._connection.execute(sql).fetchnumpy()
        terms = [term for (term,) in self.sql("SELECT term FROM term_numbers ORDER BY number")]
        starts = np.zeros(len(terms) + 1, np.int64)
        np.cumsum(np.bincount(rows["number"], minlength=len(terms)), out=starts[1:])
        return Postings(terms, starts, np.asarray(rows["slot"]), np.asarray(rows["weight"]))

    def _capabilities(self, size: int) -> Lists:
        sql = "SELECT DISTINCT slot, name FROM node_capabilities ORDER BY slot"
        found = self._connection.sql(sql).to_arrow_table()
        encoded = found["name"].combine_chunks().dictionary_encode()
        lengths: npt.NDArray[np.int64] = np.bincount(found["slot"].to_numpy(), minlength=size)
        lists = Lists()
        lists.fill(encoded.dictionary.to_pylist(), encoded.indices.to_numpy(), lengths.astype(np.int32))
        return lists

    def _take(self, name: str, table: pa.Table) -> None:
        self._connection.register(name, table)

    def _run(self, name: str) -> None:
        self._connection.execute(_statements()[name]).fetchall()


_FOLDED = pa.schema({"text": pa.string(), "folded": pa.string()})
_TERMS = pa.schema({"term": pa.string(), "slot": pa.int32(), "weight": pa.float32()})


def _with_slots(nodes: pa.Table, slots: Sequence[int]) -> pa.Table:
    return nodes.append_column("slot", pa.array(slots, pa.int32()))


def _columns(rows: Sequence[tuple[str, int, float]]) -> pa.Table:
    values = zip(*rows, strict=True) if rows else ([], [], [])
    return pa.table({name: list(of) for name, of in zip(_TERMS.names, values, strict=True)}, _TERMS)


def _statements() -> dict[str, str]:
    _, *parts = re.split(r"^-- (\w+) --\n", Path(__file__).with_name("fill.sql").read_text("utf-8"), flags=re.MULTILINE)
    return dict(zip(parts[::2], parts[1::2], strict=True))


__all__ = ["Change", "Database", "Filled"]
