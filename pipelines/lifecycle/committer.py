"""Commands of many callers, made durable together: while one commit is under way, the next ones gather."""

from collections import deque
from collections.abc import Callable, Sequence
from concurrent.futures import Future, ThreadPoolExecutor

from sql.lifecycle_rows import Command, Outcome

#: So many go into one statement at most: a caller waits for all that go with its own.
MOST_TOGETHER = 256


class Committer:
    """Hands commands to `apply` on a thread of its own; each caller gets a future of its own outcome.

    Commits take their turn, so one caller alone waits for one round trip, and sixteen for two at most.
    """

    def __init__(self, apply: Callable[[Sequence[Command]], list[Outcome]]) -> None:
        self._apply = apply
        self._waiting: deque[tuple[Command, Future[Outcome]]] = deque()
        self._executor = ThreadPoolExecutor(1, thread_name_prefix="lifecycle")

    def submit(self, command: Command) -> "Future[Outcome]":
        """Let a command be made. The future raises what the store raises."""
        future: Future[Outcome] = Future()
        self._waiting.append((command, future))
        self._executor.submit(self._commit)
        return future

    def close(self) -> None:
        """Wait for what is under way."""
        self._executor.shutdown()

    def _commit(self) -> None:
        """Take all that wait: one call for each was submitted, most of them find nothing left."""
        taken: list[tuple[Command, Future[Outcome]]] = []
        while self._waiting and len(taken) < MOST_TOGETHER:
            command, future = self._waiting.popleft()
            if future.set_running_or_notify_cancel():
                taken.append((command, future))
        if not taken:
            return
        try:
            outcomes = self._apply([command for command, _ in taken])
        except BaseException as error:  # noqa: BLE001 - it belongs to those who wait
            for _, future in taken:
                future.set_exception(error)
        else:
            for (_, future), outcome in zip(taken, outcomes, strict=True):
                future.set_result(outcome)
