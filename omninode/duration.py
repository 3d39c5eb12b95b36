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
