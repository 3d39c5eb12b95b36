"""Calls that come at the same time do their work together."""

from collections.abc import Callable, Hashable, Sequence
from threading import Condition
from typing import Generic, TypeVar

Item = TypeVar("Item")
Result = TypeVar("Result")


class _Call(Generic[Item, Result]):
    """What one caller wants, and what came of it."""

    def __init__(self, items: Sequence[Item]) -> None:
        self.items = items
        self.is_done = False
        self.results: Sequence[Result] = ()
        self.error: BaseException | None = None


class Combiner(Generic[Item, Result]):
    """Does work for many items at once that costs little more than for one, such as a transaction.

    Who comes while nobody works begins at once. Who comes meanwhile waits, and the first of these then works for all
    of them. `work` returns a result for each item, and never gets two items of one `key`; the order of calls with the
    same key is kept. If it raises, each call is made by itself, unless the error `is_common`: then all get it.

    >>> combiner = Combiner(lambda items: [item * 2 for item in items], key=lambda item: item)
    >>> combiner.run([1, 2])
    [2, 4]
    """

    def __init__(
        self,
        work: Callable[[Sequence[Item]], Sequence[Result]],
        *,
        key: Callable[[Item], Hashable],
        is_common: Callable[[Exception], bool] = lambda _: False,
        most: int = 100,
    ) -> None:
        self._work, self._key, self._is_common, self._most = work, key, is_common, most
        self._changed = Condition()
        #: The calls that nobody works for yet, oldest first.
        self.waiting: list[_Call[Item, Result]] = []
        self._is_busy = False

    def run(self, items: Sequence[Item]) -> Sequence[Result]:
        """Have work done for these, and return its results; raises what it raised. Any thread may call it."""
        call: _Call[Item, Result] = _Call(items)
        with self._changed:
            self.waiting.append(call)
        while (calls := self._turn(call)) is not None:
            try:
                self._do(calls)
            except BaseException as error:
                # Whoever works is told to end: nobody is left waiting for him.
                for other in calls:
                    other.error, other.is_done = (other.error if other.is_done else error), True
                raise
            finally:
                with self._changed:
                    self._is_busy = False
                    self._changed.notify_all()
        if call.error is not None:
            raise call.error
        return call.results

    def _turn(self, call: _Call[Item, Result]) -> list[_Call[Item, Result]] | None:
        """Wait until the call is done, and return None; or until nobody works, and return the calls that are next."""
        with self._changed:
            self._changed.wait_for(lambda: call.is_done or not self._is_busy)
            if call.is_done:
                return None
            self._is_busy = True
            return self._next()

    def _next(self) -> list[_Call[Item, Result]]:
        """Take the oldest calls that may be made together."""
        taken: list[_Call[Item, Result]] = []
        left: list[_Call[Item, Result]] = []
        keys: set[Hashable] = set()
        for call in self.waiting:
            own = {self._key(item) for item in call.items}
            fits = not taken or (keys.isdisjoint(own) and len(keys) + len(own) <= self._most)
            (taken if fits else left).append(call)
            # What has to wait lets nothing overtake it that has the same key.
            keys |= own
        self.waiting = left
        return taken

    def _do(self, calls: Sequence[_Call[Item, Result]]) -> None:
        try:
            results = self._work([item for call in calls for item in call.items])
        except Exception as error:  # noqa: BLE001 - it is raised again, by whoever called
            if len(calls) > 1 and not self._is_common(error):
                for call in calls:
                    self._do([call])
                return
            for call in calls:
                call.error, call.is_done = error, True
            return
        place = 0
        for call in calls:
            call.results = results[place : place + len(call.items)]
            call.is_done = True
            place += len(call.items)


__all__ = ["Combiner"]
