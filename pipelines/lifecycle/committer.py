"""Commands of many callers, made durable together: while one commit is under way, the next ones gather."""

import asyncio
from collections import deque
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from threading import Lock
from typing import NamedTuple

from sql.lifecycle_rows import Command, Outcome

#: So many go into one statement at most: a caller waits for all that go with its own.
MOST_TOGETHER = 256


class _Asked(NamedTuple):
    command: Command
    loop: asyncio.AbstractEventLoop
    answer: "asyncio.Future[Outcome]"


class Committer:
    """Hands the commands of any number of event loops to `apply`, on a thread of its own.

    Commits take their turn, so one caller alone waits for one round trip, and sixteen for two at most.
    """

    def __init__(self, apply: Callable[[Sequence[Command]], list[Outcome]]) -> None:
        self._apply = apply
        self._waiting: deque[_Asked] = deque()
        self._lock = Lock()
        self._is_running = False
        self._executor = ThreadPoolExecutor(1, thread_name_prefix="lifecycle")

    async def make(self, command: Command) -> Outcome:
        """Let a command be made. Raises what the store raises."""
        loop = asyncio.get_running_loop()
        asked = _Asked(command, loop, loop.create_future())
        with self._lock:
            if not self._is_running:
                self._executor.submit(self._run)
                self._is_running = True
            self._waiting.append(asked)
        return await asked.answer

    def close(self) -> None:
        """Wait for what is under way."""
        self._executor.shutdown()

    def _run(self) -> None:
        """Commit until nobody waits any more."""
        while taken := self._taken():
            self._commit([asked for asked in taken if not asked.answer.cancelled()])

    def _taken(self) -> list[_Asked]:
        with self._lock:
            taken = [self._waiting.popleft() for _ in range(min(len(self._waiting), MOST_TOGETHER))]
            self._is_running = bool(taken)
        return taken

    def _commit(self, taken: list[_Asked]) -> None:
        outcomes: Sequence[Outcome | BaseException]
        try:
            outcomes = self._apply([asked.command for asked in taken]) if taken else []
        except BaseException as error:  # noqa: BLE001 - it belongs to those who wait
            outcomes = [error] * len(taken)
        _answer(taken, outcomes)


def _answer(taken: list[_Asked], outcomes: "Sequence[Outcome | BaseException]") -> None:
    """Wake each loop once, for all that it waits for."""
    answers: dict[asyncio.AbstractEventLoop, list[tuple[asyncio.Future[Outcome], Outcome | BaseException]]] = {}
    for asked, outcome in zip(taken, outcomes, strict=True):
        answers.setdefault(asked.loop, []).append((asked.answer, outcome))
    for loop, answered in answers.items():
        # A loop that was closed meanwhile has nobody left who waits.
        with suppress(RuntimeError):
            loop.call_soon_threadsafe(_settle, answered)


def _settle(answered: "list[tuple[asyncio.Future[Outcome], Outcome | BaseException]]") -> None:
    for future, outcome in answered:
        if future.done():
            continue
        if isinstance(outcome, BaseException):
            future.set_exception(outcome)
        else:
            future.set_result(outcome)
