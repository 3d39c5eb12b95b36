"""Which windows are too large to be computed from their events each time that one of them changes."""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime

import polars as pl

from pipelines.dirty import Windows
from pipelines.enums import EnumWindowType
from pipelines.snapshot import Snapshot
from pipelines.windows import Window, windows_between
from sql.metric_store import MetricStore, WindowMade

#: An hour is always computed from its events.
_MERGED: list[EnumWindowType] = [each for each in EnumWindowType if each is not EnumWindowType.HOURLY]


@dataclass(frozen=True, slots=True)
class Large:
    """More generations than which make a window large: to compute them takes too long, or too much memory."""

    #: While it goes on, and changes all the time: more take longer than half a second.
    open: int = 30_000
    #: Once it is over: up to this many it is computed exactly, which takes some gigabytes.
    closed: int = 3_000_000

    def is_large(self, window: Window, generations: int, as_of: datetime) -> bool:
        """Tell whether the window is to be merged from states rather than computed from its events."""
        return generations > (self.open if window.end > as_of else self.closed)


def large_windows(store: MetricStore, windows: Windows, large: Large, *, as_of: datetime) -> Windows:
    """Return those of these windows of which the stored rows say that they are large."""
    made = _made(store, windows)

    def is_large(window: Window) -> bool:
        known = made.get(window)
        if known is None:
            return False
        # One that was merged stays so while it is open, whatever becomes of its number.
        return (window.end > as_of and not known.is_exact) or large.is_large(window, known.total_generations, as_of)

    return _those(windows, is_large)


def large_windows_of(snapshot: Snapshot, windows: Windows, large: Large, *, as_of: datetime) -> Windows:
    """Return those of these windows that are large, by the events in the lake: nothing is stored yet."""
    ended = snapshot.events().filter(pl.col("kind").is_in(["completed", "failed"]))
    days = ended.group_by("event_date").len().collect()

    def is_large(window: Window) -> bool:
        within = days["event_date"].is_between(window.start.date(), window.end.date(), closed="left")
        return large.is_large(window, int(days.filter(within)["len"].sum()), as_of)

    return _those(windows, is_large)


def closed_windows(store: MetricStore, large: Large, before: datetime, as_of: datetime) -> Windows:
    """Return the windows that came to their end since `before`, and are now to be computed exactly."""
    ended = {
        over: [each for each in windows_between(before, as_of, over) if before < each.end <= as_of] for over in _MERGED
    }
    made = _made(store, ended)

    def is_to_be_made(window: Window) -> bool:
        known = made.get(window)
        if known is None or known.is_exact:
            return False
        return not large.is_large(window, known.total_generations, as_of)

    return _those(ended, is_to_be_made)


def without(windows: Windows, others: Windows) -> Windows:
    """Return the windows that are not among the others."""
    return {over: [each for each in of if each not in others.get(over, ())] for over, of in windows.items()}


def together(windows: Windows, others: Windows) -> Windows:
    """Return all windows, each once, in order of time."""
    return {over: sorted({*windows.get(over, ()), *others.get(over, ())}) for over in [*windows, *others]}


def _those(windows: Windows, is_wanted: Callable[[Window], bool]) -> Windows:
    found = {over: [each for each in windows.get(over, ()) if is_wanted(each)] for over in _MERGED}
    return {over: of for over, of in found.items() if of}


def _made(store: MetricStore, windows: Windows) -> dict[Window, WindowMade]:
    keys = [(over.value, window.start) for over in _MERGED for window in windows.get(over, ())]
    made = store.windows_made(keys) if keys else []
    return {Window(EnumWindowType(each.window_type), each.window_start): each for each in made}
