"""Calls that come at the same time do their work together."""

from collections.abc import Callable, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from threading import Event
from time import monotonic, sleep

import pytest

from registry.combining import Combiner

Item = tuple[str, int]


class Alone(Exception):
    """Of one item."""


class Common(Exception):
    """Of all."""


class Work:
    """Writes down what it gets; the first call waits until it is let go. Fails with what is negative."""

    def __init__(self) -> None:
        self.calls: list[Sequence[Item]] = []
        self.go = Event()

    def __call__(self, items: Sequence[Item]) -> list[int]:
        """Return the number of each item."""
        self.calls.append(items)
        assert self.go.wait(60)
        if any(number == -1 for _, number in items):
            raise Alone
        if any(number == -3 for _, number in items):
            raise SystemExit
        if any(number == -2 for _, number in items):
            raise Common
        return [number for _, number in items]


def _asked(combiner: Combiner[Item, int], work: Work, calls: Sequence[list[Item]]) -> list[Future[Sequence[int]]]:
    """Make a call that is held up, then these in their order, and let go."""
    with ThreadPoolExecutor(len(calls) + 1) as threads:
        held = threads.submit(combiner.run, [("held", 0)])
        _wait(lambda: len(work.calls) == 1)
        made = []
        for number, items in enumerate(calls):
            made.append(threads.submit(combiner.run, items))
            _wait(lambda number=number: len(combiner.waiting) == number + 1)  # type: ignore[misc]
        work.go.set()
    assert held.result() == [0]
    return made


def _wait(is_so: Callable[[], bool]) -> None:
    deadline = monotonic() + 60
    while not is_so():
        assert monotonic() < deadline
        sleep(0.001)


def test_who_comes_meanwhile_is_served_at_once() -> None:
    """All of them by one piece of work, each with its own results."""
    work = Work()
    made = _asked(Combiner(work, key=lambda item: item[0]), work, [[("a", 1)], [("b", 2), ("c", 3)], [("d", 4)]])
    assert [call.result() for call in made] == [[1], [2, 3], [4]]
    assert work.calls[1:] == [[("a", 1), ("b", 2), ("c", 3), ("d", 4)]]


def test_of_one_key_the_order_is_kept() -> None:
    """Two of one key are never together, and nothing overtakes what waits for its key."""
    work = Work()
    calls = [[("a", 1)], [("a", 2), ("b", 3)], [("b", 4)], [("c", 5)]]
    made = _asked(Combiner(work, key=lambda item: item[0]), work, calls)
    assert [call.result() for call in made] == [[1], [2, 3], [4], [5]]
    assert work.calls[1:] == [[("a", 1), ("c", 5)], [("a", 2), ("b", 3)], [("b", 4)]]


def test_one_that_fails_fails_alone() -> None:
    """The others are done without it; an error that is everybody's is not asked for again."""
    work = Work()
    combiner = Combiner(work, key=lambda item: item[0], is_common=lambda error: isinstance(error, Common))
    good, bad = _asked(combiner, work, [[("a", 1)], [("b", -1)]])
    assert good.result() == [1]
    with pytest.raises(Alone):
        bad.result()
    work.go.clear()
    work.calls.clear()
    for call in _asked(combiner, work, [[("a", 1)], [("b", -2)]]):
        with pytest.raises(Common):
            call.result()
    assert len(work.calls) == 2


def test_who_is_told_to_end_leaves_nobody_waiting() -> None:
    """All whom he worked for hear of it, and the next ones are served."""
    work = Work()
    combiner = Combiner(work, key=lambda item: item[0])
    for call in _asked(combiner, work, [[("a", 1)], [("b", -3)]]):
        with pytest.raises(SystemExit):
            call.result()
    assert combiner.run([("c", 3)]) == [3]
