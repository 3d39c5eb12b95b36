"""What the search's benchmarks share: registries of any size, and questions."""

import asyncio
import gc
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from datetime import timedelta
from functools import cache
from threading import Event
from time import perf_counter

import pyarrow as pa  # type: ignore[import-untyped]  # it brings no types
import pyarrow.compute as pc  # type: ignore[import-untyped]

from registry.search.feed import Changes, Feed
from registry.search.pages import as_table
from registry.search_api import ModelSearchQuery, SearchAPI
from tests.benchmarks.harness import NotMeasured
from tests.benchmarks.search_peers import Question
from tests.search.nodes import many_nodes

_BASE = 100_000

#: Words that a fifth to all of the nodes have.
COMMON = tuple(
    Question(words, "effect")
    for words in ("kafka", "data", "requests", "http", "api production", "data requests", "kafka data", "eu west")
)
#: Beside those, words of few nodes, names as they are written, beginnings of words, and typos.
MIXED = (
    *COMMON,
    *(
        Question(words, "effect")
        for words in (
            "consent",
            "firmware ranker",
            "KafkaHttpConsumer",
            "kafka_consumer",
            "redis rout",
            "valid",
            "notif",
            "kakfa consumer",
            "schedulr",
            "team-redis",
            "",
        )
    ),
)


class TableFeed:
    """Nodes that do not change."""

    def __init__(self, nodes: pa.Table) -> None:
        self._nodes = nodes
        self._closed = Event()

    def open_feed(self) -> Feed:
        """See `SearchableRegistry`."""
        return self

    def read_all(self) -> tuple[pa.Table, int]:
        """See `Feed`."""
        return self._nodes, 0

    def changes(self, since: int) -> Changes:
        """See `Feed`."""
        return Changes([], [], since)

    def wait(self, longest: timedelta) -> bool:
        """See `Feed`."""
        return self._closed.wait(longest.total_seconds())

    def close(self) -> None:
        """See `Feed`."""
        self._closed.set()


def nodes(count: int) -> pa.Table:
    """Return so many nodes; above 100,000 they repeat under other ids."""
    if count <= _BASE:
        return _base().slice(0, count)
    copies = [_copy(_base(), number) for number in range(count // _BASE)]
    return pa.concat_tables(copies).combine_chunks()


@contextmanager
def searching(count: int) -> Iterator[SearchAPI]:
    """Yield a search over so many nodes, filled."""
    with SearchAPI(TableFeed(nodes(count))) as api:
        asyncio.run(_ask(api, Question("warm")))
        gc.collect()
        yield api


def ask_all(api: SearchAPI, questions: Sequence[Question]) -> list[float]:
    """Return the milliseconds from each question to the first ten nodes, facets and highlights included."""
    return asyncio.run(_ask_all(api, questions))


async def _ask_all(api: SearchAPI, questions: Sequence[Question]) -> list[float]:
    took = []
    for question in questions:
        began = perf_counter()
        await _ask(api, question)
        took.append(1000 * (perf_counter() - began))
    return took


async def _ask(api: SearchAPI, question: Question) -> None:
    query = ModelSearchQuery(query=question.words, node_type=question.node_type, page_size=10)
    answer = await api.search(query)
    if question in COMMON and not answer.results:
        raise NotMeasured(f"nothing was found for {question.words!r}")


@cache
def _base() -> pa.Table:
    return as_table(many_nodes(_BASE))


def _copy(table: pa.Table, number: int) -> pa.Table:
    ids = pc.binary_join_element_wise(table["node_id"], str(number), "-")
    return table.set_column(0, "node_id", ids)


__all__ = ["COMMON", "MIXED", "TableFeed", "ask_all", "nodes", "searching"]
