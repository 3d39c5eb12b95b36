"""When nodes may expire: if most do at once it is likelier our fault than theirs."""

from datetime import timedelta

from sql.expiry_store import Expiries

#: "At once" is within this time.
LATELY = timedelta(minutes=1)
#: Fewer nodes than these may well have died together.
_FEWEST = 5
#: Longer than this nothing is held back: then they are dead.
_LONGEST = timedelta(minutes=15)


def is_held(expiries: Expiries) -> bool:
    """Tell whether expiries are to be held back: begun when most living nodes fall silent within a minute.

    It ends by itself, once most nodes are heard again, or after 15 minutes.

    >>> from datetime import UTC, datetime
    >>> noon = datetime(2025, 10, 24, 12, tzinfo=UTC)
    >>> is_held(Expiries(nodes=100, silent=60, lately=60, held_since=None, now=noon))
    True
    >>> is_held(Expiries(nodes=100, silent=60, lately=3, held_since=None, now=noon))
    False
    >>> is_held(Expiries(nodes=100, silent=60, lately=0, held_since=noon, now=noon + timedelta(minutes=14)))
    True
    >>> is_held(Expiries(nodes=100, silent=60, lately=0, held_since=noon, now=noon + timedelta(minutes=16)))
    False
    """
    if expiries.held_since is None:
        living = expiries.nodes - expiries.silent + expiries.lately
        return expiries.lately >= _FEWEST and expiries.lately > living / 2
    return expiries.now - expiries.held_since <= _LONGEST and expiries.silent > expiries.nodes / 2


__all__ = ["LATELY", "is_held"]
