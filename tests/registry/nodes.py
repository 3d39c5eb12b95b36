"""Nodes, clocks and services for the registry's tests."""

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from datetime import UTC, datetime, timedelta
from time import monotonic
from typing import Any

from registry.discovery import Owed

START = datetime(2025, 10, 24, 12, tzinfo=UTC)


def node(node_id: str = "n-1", **changes: Any) -> dict[str, Any]:
    """Return what a believable node says about itself, but for these changes."""
    return {
        "node_id": node_id,
        "node_name": "MyNode",
        "node_type": "effect",
        "version": "1.0.0",
        "capabilities": [{"name": "http_api", "description": "HTTP API"}],
        "endpoints": {"http": "http://10.0.0.1:8080"},
        "metadata": {"author": "my-team", "tags": ["a", 1, None]},
    } | changes


class Clock:
    """A clock that stands until it is moved."""

    def __init__(self) -> None:
        self.now = START

    def __call__(self) -> datetime:
        return self.now

    def move(self, seconds: float) -> None:
        """Let time pass."""
        self.now += timedelta(seconds=seconds)


class Ledger:
    """A service discovery that writes down what it gets; it can be away."""

    def __init__(self) -> None:
        self.got: list[Owed] = []
        self.is_away = False

    def deliver(self, owed: Sequence[Owed]) -> Sequence[str | None]:
        """See `Delivery`."""
        if not self.is_away:
            self.got += owed
        return ["It is away." if self.is_away else None] * len(owed)


async def eventually(is_so: Callable[[], Awaitable[bool]], seconds: float = 60.0) -> None:
    """Return when it is so; a busy machine has time."""
    deadline = monotonic() + seconds
    while monotonic() < deadline:
        if await is_so():
            return
        await asyncio.sleep(0.01)
    raise TimeoutError(f"it did not become so within {seconds} s")
