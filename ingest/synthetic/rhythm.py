"""When workflows start: a working day, a working week, quiet weekends, and a slow growth."""

from collections.abc import Iterator
from datetime import datetime, timedelta
from itertools import accumulate
from random import Random

HOUR = 3600.0

#: Starts by hour of the day, UTC.
_DAY = (2, 1, 1, 1, 1, 2, 5, 12, 24, 32, 34, 30, 20, 26, 33, 34, 29, 20, 11, 8, 6, 5, 4, 3)
#: Starts by day of the week, from Monday.
_WEEK = (1.0, 1.08, 1.1, 1.04, 0.86, 0.16, 0.12)
#: Busier by this much at the end than at the beginning.
_GROWTH = 0.25
_HOURLY_NOISE = 0.15


def start_times(rng: Random, *, workflows: int, start: datetime, days: int) -> Iterator[float]:
    """Yield when each workflow starts, in seconds after `start`, in order; holds the starts of one hour at a time."""
    for hour, count in enumerate(_starts_by_hour(rng, workflows, start, days)):
        yield from sorted((hour + rng.random()) * HOUR for _ in range(count))


def _starts_by_hour(rng: Random, workflows: int, start: datetime, days: int) -> Iterator[int]:
    """Share the workflows out so that the hours add up to all of them."""
    weights = [_weight(start + timedelta(hours=hour), hour / (24 * days)) for hour in range(24 * days)]
    cumulative = list(accumulate(weight * rng.lognormvariate(0.0, _HOURLY_NOISE) for weight in weights))
    before = 0
    for upto in cumulative:
        until = round(workflows * upto / cumulative[-1])
        yield until - before
        before = until


def _weight(hour: datetime, progress: float) -> float:
    return _DAY[hour.hour] * _WEEK[hour.weekday()] * (1.0 + _GROWTH * progress)
