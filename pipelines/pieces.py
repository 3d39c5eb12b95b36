"""Many windows in pieces that are computed one after another: memory then depends on a piece, not on all of history."""

from collections import defaultdict
from collections.abc import Iterator
from datetime import timedelta

from pipelines.dirty import Windows
from pipelines.enums import EnumWindowType
from pipelines.windows import Window

#: Two months fit, so that what one dirty hour touches (its month, and a week that began before it) is one piece.
LONGEST = timedelta(days=62)


def pieces(windows: Windows, /, longest: timedelta = LONGEST) -> Iterator[Windows]:
    """Yield the windows in pieces of which each spans no more time than that, or is one window.

    >>> from datetime import UTC, datetime
    >>> from pipelines.windows import windows_between
    >>> year = windows_between(datetime(2025, 1, 1, tzinfo=UTC), datetime(2026, 1, 1, tzinfo=UTC), EnumWindowType.DAILY)
    >>> [len(piece[EnumWindowType.DAILY]) for piece in pieces({EnumWindowType.DAILY: year})]
    [62, 62, 62, 62, 62, 55]
    """
    piece: list[Window] = []
    for window in sorted((window for of_type in windows.values() for window in of_type), key=_by_time):
        if piece and window.end - piece[0].start > longest:
            yield _by_type(piece)
            piece = []
        piece.append(window)
    if piece:
        yield _by_type(piece)


def _by_time(window: Window) -> tuple[object, ...]:
    return window.start, window.end


def _by_type(windows: list[Window]) -> Windows:
    found: dict[EnumWindowType, list[Window]] = defaultdict(list)
    for window in windows:
        found[window.window_type].append(window)
    return found
