"""How soon a change is found after the call that made it has returned, and how long an index takes to be filled."""

import asyncio
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from statistics import median
from time import perf_counter

from registry.search_api import ModelSearchQuery, SearchAPI
from sql.connection import Connection, connect
from sql.embedded import embedded_postgres
from sql.migrate import migrate
from tests.benchmarks.harness import Benchmark, NotMeasured, Result, percentile, stopwatch
from tests.search.nodes import PostgresNodes, copy, many_nodes, node, write

_ROUNDS = 3
_CHANGES = 300
_PATIENCE_SECONDS = 5.0


def searchable(folder: Path) -> Result:
    """Change nodes one at a time among 10,000, and search until the change is there."""
    with _registry(folder, 10_000) as (url, connection), SearchAPI(PostgresNodes(url)) as api:
        took = asyncio.run(_change_and_search(api, connection))
    rounds = [took[start::_ROUNDS] for start in range(_ROUNDS)]
    detail = {"p50_ms": round(median(took), 2), "max_ms": round(max(took), 2), "changes": len(took), "nodes": 10_000}
    return Result(median(percentile(ms, 0.99) for ms in rounds), detail)


def fill(folder: Path) -> Result:
    """Ask a first question of a search over 100,000 nodes in Postgres."""
    with _registry(folder, 100_000) as (url, _):
        seconds = [_first_answer(url) for _ in range(_ROUNDS)]
    return Result(median(seconds), {"nodes": 100_000, "rounds": [round(taken, 2) for taken in seconds]})


async def _change_and_search(api: SearchAPI, connection: Connection) -> list[float]:
    await api.search(ModelSearchQuery())
    took = []
    for number in range(_CHANGES):
        changed = replace(node(f"changing-{number % 50}", f"Changed{number}Node"), metadata={"mark": f"mark{number}x"})
        await asyncio.to_thread(write, connection, [changed])
        took.append(await _until_found(api, f"mark{number}x"))
    return took


async def _until_found(api: SearchAPI, word: str) -> float:
    with stopwatch() as elapsed:
        while not (await api.search(ModelSearchQuery(query=word, page_size=1))).results:
            if elapsed() > _PATIENCE_SECONDS:
                raise NotMeasured(f"a change was not found after {_PATIENCE_SECONDS:g} s")
        return 1000 * elapsed()


def _first_answer(url: str) -> float:
    with SearchAPI(PostgresNodes(url)) as api:
        began = perf_counter()
        answer = asyncio.run(api.search(ModelSearchQuery(query="kafka")))
        seconds = perf_counter() - began
    if not answer.total_count:
        raise NotMeasured("nothing was found in the filled index")
    return seconds


@contextmanager
def _registry(folder: Path, count: int) -> Iterator[tuple[str, Connection]]:
    with embedded_postgres(folder / "postgres") as url, connect(url) as connection:
        migrate(connection)
        copy(connection, many_nodes(count))
        connection.execute("VACUUM ANALYZE")
        connection.execute("CHECKPOINT")
        yield url, connection


SEARCHABLE_P99 = Benchmark("searchable_p99_ms", "ms", 20, "lower", searchable)
INDEX_FILL_100K = Benchmark("index_fill_100k_s", "s", 5, "lower", fill)
