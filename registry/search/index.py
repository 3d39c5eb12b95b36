"""The index: filled once, then changed node by node, and searched by any number of threads.

DuckDB makes the postings of all nodes at the fill, and keeps nodes and postings as tables for questions in SQL. What a
search goes through lies in NumPy arrays: the postings, as they come from DuckDB, and the columns that are filtered,
counted and sorted by. A change touches the arrays of its own terms; nothing is built anew. DuckDB hears of changes when
it is next asked.
"""

from collections.abc import Iterable, Mapping, Sequence
from threading import RLock
from typing import Any, NamedTuple

import numpy as np
import pyarrow as pa  # type: ignore[import-untyped]  # it brings no types

from registry.search.columns import Columns
from registry.search.database import Change, Database
from registry.search.document import NodeDocument
from registry.search.facets import facets
from registry.search.filters import CAPABILITY
from registry.search.match import Matches, match
from registry.search.ordering import ranking
from registry.search.pages import NODES, Pages
from registry.search.plan import Word, plan
from registry.search.request import Answer, Hit, Page, Request
from registry.search.snapshots import Found, Snapshots
from registry.search.typos import SHORTEST
from registry.search.weights import weights


class Generation(NamedTuple):
    """How the generation of a node went: its quality from 0 to 1, and whether it succeeded; None if not known."""

    quality_score: float | None
    success: bool | None


class SearchIndex:
    """All nodes."""

    def __init__(self, nodes: pa.Table | None = None) -> None:
        """Make the index of the nodes of a table of `NODES`, each id once."""
        given = NODES.empty_table() if nodes is None else nodes
        self._lock = RLock()
        self._snapshots = Snapshots()
        self._pages = Pages(given)
        self._database = Database()
        self._stale: set[int] = set()
        self._postings, capabilities = self._database.fill(given)
        ids = given["node_id"].to_pylist()
        self._slots: dict[str, int] = dict(zip(ids, range(len(ids)), strict=True))
        self._columns = Columns()
        self._columns.fill(given, [*map(_name_key, given["node_name"].to_pylist(), ids)])
        self._columns.capabilities = capabilities
        self._nodes = len(ids)
        self._fresh = {slot for slot, text in enumerate(given["metadata"].to_pylist()) if _tells_of_generation(text)}

    def __len__(self) -> int:
        return self._nodes

    def close(self) -> None:
        """Let go of everything."""
        self._database.close()

    def search(self, request: Request, page: Page) -> Answer:
        """Return a page of what is found. Raises `BadInput` for a query, range or snapshot that cannot be used."""
        with self._lock:
            nodes = self._nodes
            found = self._found(request) if page.snapshot is None else self._snapshots.get(page.snapshot, request)
            chosen = found.ranking.page(page.start, page.size)
            slots, scores = found.ranking.slots[chosen], found.ranking.scores[chosen]
            hits = [
                hit
                for slot, score in zip(slots.tolist(), scores.tolist(), strict=True)
                for hit in self._hit(slot, score)
            ]
            total = len(found.ranking.slots)
            snapshot = page.snapshot or (self._snapshots.keep(found) if page.start + page.size < total else None)
            return Answer(hits, total, found.facets, found.words, snapshot, nodes)

    def sql(self, sql: str) -> list[tuple[Any, ...]]:
        """Answer a question in SQL over the tables of `registry.search.database`."""
        with self._lock:
            stale, self._stale = sorted(self._stale), set()
            if stale:
                self._database.apply({slot: self._change(slot) for slot in stale})
            return self._database.sql(sql)

    def put(self, documents: Iterable[NodeDocument]) -> None:
        """Add nodes, or bring those that are there up to date. Once it returns they are found."""
        for document in documents:
            with self._lock:
                self._put(document)

    def drop(self, node_ids: Iterable[str]) -> None:
        """Take nodes out; unknown ones are none."""
        for node_id in node_ids:
            with self._lock:
                slot = self._slots.get(node_id)
                document = None if slot is None else self._pages.get(slot)
                if slot is not None and document is not None:
                    self._postings.drop(slot, _terms(document))
                    self._columns.drop(slot)
                    self._pages.put(slot, None)
                    self._stale.add(slot)
                    self._nodes -= 1

    def set_generations(self, generations: Mapping[str, Generation]) -> None:
        """Say how the generations of nodes went, by their ids; unknown ones are none."""
        with self._lock:
            for node_id, (quality, success) in generations.items():
                slot = self._slots.get(node_id)
                if slot is not None:
                    self._columns["quality_score"][slot] = np.nan if quality is None else quality
                    self._columns["generation_success"][slot] = -1 if success is None else int(success)

    def take_fresh(self) -> list[NodeDocument]:
        """Return the nodes whose metadata came in or changed since this was last asked."""
        with self._lock:
            fresh, self._fresh = self._fresh, set()
            return [document for slot in fresh if (document := self._pages.get(slot)) is not None]

    def _found(self, request: Request) -> Found:
        matches, words = self._matches(request)
        counts = facets(matches.slots, self._columns)
        return Found(ranking(matches, self._columns, request), tuple(words), counts, request)

    def _matches(self, request: Request) -> tuple[Matches, list[Word]]:
        words = plan(request.query, self._postings, self._nodes)
        if not words:
            slots = np.flatnonzero(self._columns["alive"]).astype(np.int32)
            kept = slots[request.filters.keep(slots, self._columns, self._postings)]
            return Matches(kept, np.ones(len(kept), np.float32)), []
        found = self._match(words, request)
        if not len(found.slots) and any(len(word.word) >= SHORTEST for word in words):
            words = plan(request.query, self._postings, self._nodes, forgive=True)
            found = self._match(words, request)
        return self._known_by_id(found, request), words

    def _match(self, words: Sequence[Word], request: Request) -> Matches:
        columns, postings = self._columns, self._postings
        return match(words, postings, columns.size, lambda slots: request.filters.keep(slots, columns, postings))

    def _known_by_id(self, found: Matches, request: Request) -> Matches:
        """Whoever asks for a node by its id means that one."""
        slot = self._slots.get(request.query.strip())
        at = None if slot is None else int(np.searchsorted(found.slots, slot))
        if at is not None and at < len(found.slots) and found.slots[at] == slot:
            found.scores[at] = 1.0
        return found

    def _generation(self, slot: int) -> Generation:
        quality, success = self._columns["quality_score"][slot], int(self._columns["generation_success"][slot])
        return Generation(
            None if np.isnan(quality) else round(float(quality), 6), None if success < 0 else bool(success)
        )

    def _hit(self, slot: int, score: float) -> list[Hit]:
        document = self._pages.get(slot)
        return [] if document is None else [Hit(document, score, *self._generation(slot))]

    def _put(self, document: NodeDocument) -> None:
        # A node that comes back gets the slot that it had: a kept page may still point there.
        slot = self._slots.setdefault(document.node_id, len(self._slots))
        before = self._pages.get(slot)
        self._pages.put(slot, document)
        self._stale.add(slot)
        if before is not None and _content(before) == _content(document):
            self._columns.touch(slot, document)
            return
        self._fresh.add(slot)
        old, new = {} if before is None else _terms(before), _terms(document)
        self._columns.put(slot, document, _name_key(document.node_name, document.node_id))
        self._postings.drop(slot, (term for term in old if term not in new))
        self._postings.put(slot, {term: weight for term, weight in new.items() if old.get(term) != weight})
        self._nodes += before is None

    def _change(self, slot: int) -> Change:
        document = self._pages.get(slot)
        return Change(document, {} if document is None else _terms(document))


def _terms(document: NodeDocument) -> dict[str, float]:
    return weights(document) | {CAPABILITY + name: 1.0 for name in document.capability_names()}


def _name_key(name: str, node_id: str) -> str:
    """Return what orders nodes by name, and those of one name by id."""
    return f"{name.casefold()}\0{node_id}"


def _tells_of_generation(metadata: str) -> bool:
    return "workflow_id" in metadata or "quality_score" in metadata


def _content(document: NodeDocument) -> tuple[object, ...]:
    """What a node is found by, or shown with, but for health and times."""
    named = (document.node_name, document.node_type, document.version)
    return (*named, document.capabilities, document.endpoints, document.metadata)


__all__ = ["Generation", "SearchIndex"]
