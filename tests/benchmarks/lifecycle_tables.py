"""What the lifecycle's benchmarks share: a real server, a tracker on it, and workflows."""

import asyncio
from collections.abc import Awaitable, Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from time import perf_counter
from typing import TypeVar
from uuid import UUID, uuid4

from pipelines import FSMStateTracker
from sql.connection import connect
from sql.embedded import embedded_postgres
from sql.migrate import migrate
from tests.lifecycle import tracker_on

Found = TypeVar("Found")


@contextmanager
def lifecycle_database(folder: Path) -> Iterator[str]:
    """Yield the URL of a database with all tables, on a server that makes every commit durable."""
    with embedded_postgres(folder / "postgres") as url:
        with connect(url) as connection:
            migrate(connection)
        yield url


def with_tracker(url: str, folder: Path, use: Callable[[FSMStateTracker], Awaitable[Found]]) -> Found:
    """Use a tracker in an event loop of its own."""

    async def run() -> Found:
        async with tracker_on(url, folder) as tracker:
            return await use(tracker)

    return asyncio.run(run())


async def new_workflows(tracker: FSMStateTracker, count: int) -> list[UUID]:
    """Begin so many workflows."""
    ids: list[UUID] = [uuid4() for _ in range(count)]
    for first in range(0, count, 5_000):
        await tracker.initialize_many(ids[first : first + 5_000])
    return ids


async def timed_ms(call: Awaitable[object]) -> float:
    """Await it, and return the milliseconds that it took."""
    began = perf_counter()
    await call
    return (perf_counter() - began) * 1000
