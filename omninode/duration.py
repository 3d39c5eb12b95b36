"""Stretches of time as people write them."""

import re
from datetime import timedelta

from omninode.errors import BadInput

_UNITS = {"d": "days", "h": "hours", "m": "minutes"}


def duration(text: str, name: str) -> timedelta:
    """Read a stretch of time that a person wrote. `name` is what the person calls it. Raises `BadInput`.

    >>> duration("7d", "--older-than"), duration("36h", "--older-than")
    (datetime.timedelta(days=7), datetime.timedelta(days=1, seconds=43200))
    """
    found = re.fullmatch(r"(\d{1,5})([dhm])", text.strip())
    if found is None:
        raise BadInput(f"{name}: {text!r} is no length of time; write 7d, 36h or 90m")
    return timedelta(**{_UNITS[found[2]]: int(found[1])})


def spelled(seconds: float) -> str:
    """Spell a stretch of time for people: as fine as it matters.

    >>> [spelled(seconds) for seconds in (0.04, 59.9, 200.7, 7_260, 36_291_519.9)]
    ['0.0s', '59.9s', '3m 21s', '2h 01m', '420d 00h']
    """
    if round(seconds, 1) < 60:
        return f"{seconds:.1f}s"
    minutes, rest = divmod(round(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    days, hours = divmod(hours, 24)
    if days:
        return f"{days:,}d {hours:02}h"
    return f"{hours}h {minutes:02}m" if hours else f"{minutes}m {rest:02}s"
