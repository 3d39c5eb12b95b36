"""Searches run in threads, so that a large one does not hold up the event loop."""

import asyncio
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import TypeVar

Result = TypeVar("Result")

#: More would only wait for one another.
_POOL = ThreadPoolExecutor(max_workers=4, thread_name_prefix="search")


async def in_thread(work: Callable[[], Result]) -> Result:
    """Run work in one of a few threads."""
    return await asyncio.get_running_loop().run_in_executor(_POOL, work)


__all__ = ["in_thread"]
