"""What changes with time for everybody: a slow drift, and one bad day."""

from datetime import datetime, timedelta
from typing import NamedTuple

DAY = 86_400.0
_SATURDAY = 5
#: The bad day comes after this part of the period.
_BAD_DAY_AT = 0.6


class Climate(NamedTuple):
    """How one moment differs from the average one. `pace` and `failure` multiply, `quality` is added."""

    pace: float
    quality: float
    failure: float


class Climates:
    """The climate of every moment of a period."""

    def __init__(self, start: datetime, days: int) -> None:
        self._seconds = days * DAY
        self._bad_day = _bad_day(start, days)

    def at(self, second: float) -> Climate:
        """Return the climate so many seconds after the period's start.

        >>> climates = Climates(datetime(2025, 9, 29), 35)
        >>> climates.at(0.0)
        Climate(pace=1.0, quality=0.0, failure=1.0)
        >>> climates.at(21.5 * DAY).failure > 4
        True
        """
        progress = min(second / self._seconds, 1.0)
        pace, quality, failure = 1.0 + 0.3 * progress, 0.03 * progress, 1.0 - 0.2 * progress
        if second // DAY == self._bad_day:
            return Climate(pace * 1.9, quality - 0.1, failure * 5.0)
        return Climate(pace, quality, failure)


def _bad_day(start: datetime, days: int) -> int:
    """Return the first working day in the later part of the period: on a weekend few would notice it."""
    first = int(days * _BAD_DAY_AT)
    working = (day for day in range(first, days) if (start + timedelta(days=day)).weekday() < _SATURDAY)
    return next(working, first)
