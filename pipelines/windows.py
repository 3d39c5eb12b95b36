"""Windows of time: UTC, half-open [start, end), weeks from Monday, calendar months."""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

import polars as pl

from pipelines.enums import EnumWindowType

#: The length of each window in Polars' words.
_EVERY = {
    EnumWindowType.HOURLY: "1h",
    EnumWindowType.DAILY: "1d",
    EnumWindowType.WEEKLY: "1w",
    EnumWindowType.MONTHLY: "1mo",
}


@dataclass(frozen=True, order=True, slots=True)
class Window:
    """The half-open time [start, end). `start` is an aware time on a boundary of its type; it is kept in UTC.

    >>> Window(EnumWindowType.MONTHLY, datetime(2024, 2, 1, tzinfo=UTC)).end
    datetime.datetime(2024, 3, 1, 0, 0, tzinfo=datetime.timezone.utc)

    Raises ValueError for a naive start, or one that is not on a boundary.
    """

    window_type: EnumWindowType
    start: datetime

    def __post_init__(self) -> None:
        """Bring the start to UTC and the type to its enum, and refuse a start between two boundaries."""
        object.__setattr__(self, "window_type", EnumWindowType(self.window_type))
        object.__setattr__(self, "start", _utc(self.start))
        if _floor(self.start, self.window_type) != self.start:
            raise ValueError(f"{self.start.isoformat()} is no start of a window of type {self.window_type}")

    @property
    def end(self) -> datetime:
        """The first instant after the window: the start of the next."""
        match self.window_type:
            case EnumWindowType.HOURLY:
                return self.start + timedelta(hours=1)
            case EnumWindowType.DAILY:
                return self.start + timedelta(days=1)
            case EnumWindowType.WEEKLY:
                return self.start + timedelta(days=7)
        return _floor(self.start + timedelta(days=31), EnumWindowType.MONTHLY)


def window_start(instant: pl.Expr, window_type: EnumWindowType) -> pl.Expr:
    """Start of the window that holds each instant (UTC). Null stays null."""
    return instant.dt.truncate(_EVERY[window_type])


def window_end(instant: pl.Expr, window_type: EnumWindowType) -> pl.Expr:
    """End of the window that holds each instant (UTC), which is not part of it. Null stays null."""
    return window_start(instant, window_type).dt.offset_by(_EVERY[window_type])


def window_of(instant: datetime, window_type: EnumWindowType) -> Window:
    """Return the window of that type that holds an aware instant.

    >>> window_of(datetime(2025, 10, 24, 10, 30, tzinfo=UTC), EnumWindowType.WEEKLY).start.isoformat()
    '2025-10-20T00:00:00+00:00'
    """
    return Window(window_type, _floor(_utc(instant), window_type))


def windows_over(hours: Iterable[datetime], window_type: EnumWindowType) -> list[Window]:
    """Return the windows of that type that hold these instants: each once, in order of time."""
    return sorted({window_of(hour, window_type) for hour in hours})


def windows_between(start: datetime, end: datetime, window_type: EnumWindowType) -> list[Window]:
    """Return the windows of that type that share an instant with [start, end), in order of time.

    >>> ends = datetime(2025, 1, 31, tzinfo=UTC), datetime(2025, 2, 1, 1, tzinfo=UTC)
    >>> [f"{window.start:%B}" for window in windows_between(*ends, EnumWindowType.MONTHLY)]
    ['January', 'February']
    """
    windows: list[Window] = []
    start = _utc(start)
    while start < end:
        windows.append(window_of(start, window_type))
        start = windows[-1].end
    return windows


def _utc(instant: datetime) -> datetime:
    if instant.tzinfo is None:
        raise ValueError(f"{instant.isoformat()} has no time zone")
    return instant.astimezone(UTC)


def _floor(instant: datetime, window_type: EnumWindowType) -> datetime:
    hour = instant.replace(minute=0, second=0, microsecond=0)
    match window_type:
        case EnumWindowType.HOURLY:
            return hour
        case EnumWindowType.DAILY:
            return hour.replace(hour=0)
        case EnumWindowType.WEEKLY:
            return hour.replace(hour=0) - timedelta(days=hour.weekday())
    return hour.replace(hour=0, day=1)
