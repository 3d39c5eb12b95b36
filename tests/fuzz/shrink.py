"""Make what fails smaller for as long as it fails: fewer messages, then fewer fields, then fewer bytes."""

from collections.abc import Callable, Sequence
from functools import partial
from typing import TypeVar

from tests.fuzz.messages import Sent

Item = TypeVar("Item")
#: Enough for a batch of 20,000 and a handful of messages; a message that is still large then is shown as it is.
_TRIES = 2_000


def smallest(sent: Sequence[Sent], fails: Callable[[Sequence[Sent]], bool]) -> list[Sent]:
    """Return the smallest batch found that still fails."""
    left = _fewer(list(sent), fails)
    for place, one in enumerate(left):
        before, after = left[:place], left[place + 1 :]
        left[place] = _smaller(one, partial(_fails_among, fails, before, after))
    return left


def _fails_among(fails: Callable[[Sequence[Sent]], bool], before: list[Sent], after: list[Sent], one: Sent) -> bool:
    return fails([*before, one, *after])


def _smaller(one: Sent, fails: Callable[[Sent], bool]) -> Sent:
    plainer = one._replace(key=None, headers=None)
    one = plainer if fails(plainer) else one
    if not one.value:
        return one
    body = one.value
    # Between commas stand the fields. The braces stay while fields are left out, and are tried with the bytes.
    pieces = _fewer(
        body[1:-1].split(b","), lambda some: fails(one._replace(value=body[:1] + b",".join(some) + body[-1:]))
    )
    candidate = one._replace(value=body[:1] + b",".join(pieces) + body[-1:])
    if not fails(candidate):
        candidate = one
    parts = [bytes([byte]) for byte in candidate.value or b""]
    short = _fewer(parts, lambda some: bool(some) and fails(one._replace(value=b"".join(some))), tries=400)
    return one._replace(value=b"".join(short))


def _fewer(items: list[Item], fails: Callable[[list[Item]], bool], tries: int = _TRIES) -> list[Item]:
    """Leave out pieces, the large ones first."""
    size = max(len(items) // 2, 1)
    while tries > 0 and items:
        place = 0
        while place < len(items) and tries > 0:
            rest = items[:place] + items[place + size :]
            tries -= 1
            if fails(rest):
                items = rest
            else:
                place += size
        if size == 1:
            return items
        size = max(size // 2, 1)
    return items
