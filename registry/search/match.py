"""Which nodes match a plan, and how well: every word must match; a word counts with its best term."""

from collections.abc import Callable, Sequence
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from registry.search.plan import Word
from registry.search.postings import Posting, Postings, Slots

Scores = npt.NDArray[np.float32]
Mask = npt.NDArray[np.bool_]

#: By how much fewer candidates than postings there must be for looking each up to be cheaper than spreading them out.
_FEW = 16


class Matches(NamedTuple):
    """The slots of nodes, ascending, each once, and their scores from 0 to 1."""

    slots: Slots
    scores: Scores


def match(words: Sequence[Word], postings: Postings, size: int, keep: Callable[[Slots], Slots | Mask]) -> Matches:
    """Return the nodes that match each word and that `keep` keeps, a mask over slots. `size` is above each slot."""
    scaled = sorted(((word, _weighted(word, postings)) for word in words), key=lambda pair: _length(pair[1]))
    slots, scores = _union(scaled[0][1], size)
    kept = keep(slots)
    slots, scores = slots[kept], scores[kept]
    for _, weighted in scaled[1:]:
        if not len(slots):
            break
        more = _looked_up(weighted, slots, size)
        both = more > 0
        slots, scores = slots[both], scores[both] + more[both]
    most = sum(word.most for word in words) or 1.0
    return Matches(slots, np.minimum(scores / np.float32(most), np.float32(1)))


_Weighted = list[tuple[Posting, float]]


def _weighted(word: Word, postings: Postings) -> _Weighted:
    return [(postings.get(term), group.factor) for group in word.groups for term in group.terms]


def _length(weighted: _Weighted) -> int:
    return sum(len(posting.slots) for posting, _ in weighted)


def _union(weighted: _Weighted, size: int) -> Matches:
    if not weighted:
        return Matches(np.empty(0, np.int32), np.empty(0, np.float32))
    if len(weighted) == 1:
        [(posting, factor)] = weighted
        return Matches(posting.slots, posting.weights * np.float32(factor))
    if _length(weighted) * _FEW < size:
        return _merged(weighted)
    spread = _spread(weighted, size)
    slots = np.flatnonzero(spread).astype(np.int32)
    return Matches(slots, spread[slots])


def _merged(weighted: _Weighted) -> Matches:
    slots = np.concatenate([posting.slots for posting, _ in weighted])
    scores = np.concatenate([posting.weights * np.float32(factor) for posting, factor in weighted])
    order = np.argsort(slots, kind="stable")
    slots, scores = slots[order], scores[order]
    first = np.flatnonzero(np.diff(slots, prepend=np.int32(-1)))
    return Matches(slots[first], np.maximum.reduceat(scores, first) if len(first) else scores)


def _looked_up(weighted: _Weighted, slots: Slots, size: int) -> Scores:
    """Return the score of each slot, 0 where it has none of the terms."""
    if len(slots) * _FEW > _length(weighted):
        return _spread(weighted, size)[slots]
    found = np.zeros(len(slots), np.float32)
    for posting, factor in weighted:
        if len(posting.slots):
            at = np.minimum(np.searchsorted(posting.slots, slots), len(posting.slots) - 1)
            has = posting.slots[at] == slots
            np.maximum(found, np.where(has, posting.weights[at] * np.float32(factor), np.float32(0)), out=found)
    return found


def _spread(weighted: _Weighted, size: int) -> Scores:
    """Return the score of each slot that there is."""
    spread = np.zeros(size, np.float32)
    for position, (posting, factor) in enumerate(weighted):
        scores = posting.weights * np.float32(factor)
        # Within one term each slot stands once, so what is read and written back is not written twice.
        spread[posting.slots] = np.maximum(spread[posting.slots], scores) if position else scores
    return spread


__all__ = ["Mask", "Matches", "Scores", "match"]
