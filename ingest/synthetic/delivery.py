"""When an event is sent: mostly at once, sometimes after later ones, sometimes days late, sometimes twice."""

from datetime import timedelta
from math import exp, log
from random import Random

#: No message is sent later than this after its event.
MAX_LATENESS = timedelta(days=3)

_LATE = 0.015
_HELD_UP = 0.02
_TWICE = 0.01

_MAX = MAX_LATENESS.total_seconds()
_LATE_FROM = 3600.0
_RESEND_MEAN = 90.0


def delays(rng: Random) -> tuple[float, ...]:
    """Return how many seconds after the event each copy of it is sent: one, or now and then two."""
    first = _delay(rng)
    if rng.random() >= _TWICE:
        return (first,)
    return first, min(first + rng.expovariate(1 / _RESEND_MEAN), _MAX)


def _delay(rng: Random) -> float:
    chance = rng.random()
    if chance < _LATE:
        # Log-uniform: as many between 1 and 3 hours as between 1 and 3 days.
        return _LATE_FROM * exp(rng.random() * log(_MAX / _LATE_FROM))
    if chance < _LATE + _HELD_UP:
        return 10.0 + 290.0 * rng.random()  # long enough for later events to overtake it
    return 0.02 + 0.4 * rng.random()
