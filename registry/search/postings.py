"""Postings: for each term the slots of the nodes that have it, ascending, and how much it counts in each.

Those of a fill lie in two long arrays, term after term. A term that changed since has arrays of its own. Arrays are
replaced, never written to: who has got one can read on.
"""

from bisect import bisect_left, insort
from collections.abc import Iterable, Mapping
from typing import NamedTuple, TypeVar

import numpy as np
import numpy.typing as npt

Number = TypeVar("Number", np.int32, np.float32)
Slots = npt.NDArray[np.int32]
Weights = npt.NDArray[np.float32]

#: Above each character of a term.
_END = "\U0010ffff"
_NO_SLOTS: Slots = np.empty(0, np.int32)
_NO_WEIGHTS: Weights = np.empty(0, np.float32)


class Posting(NamedTuple):
    """The nodes of a term."""

    slots: Slots
    weights: Weights


NOTHING = Posting(_NO_SLOTS, _NO_WEIGHTS)


class Postings:
    """All terms and their postings."""

    def __init__(self, terms: list[str], starts: npt.NDArray[np.int64], slots: Slots, weights: Weights) -> None:
        """Take the postings of a fill: `terms` sorted, the postings of the i-th from `starts[i]` to `starts[i + 1]`."""
        self._filled = {term: position for position, term in enumerate(terms)}
        self._starts, self._slots, self._weights = starts, slots, weights
        self._changed: dict[str, Posting] = {}
        self._terms = list(terms)
        self.characters = set("abcdefghijklmnopqrstuvwxyz0123456789").union(*terms)

    @classmethod
    def empty(cls) -> "Postings":
        """Return postings of no nodes."""
        return cls([], np.zeros(1, np.int64), _NO_SLOTS, _NO_WEIGHTS)

    def __len__(self) -> int:
        return len(self._terms)

    def __contains__(self, term: object) -> bool:
        return self.count(term) > 0 if isinstance(term, str) else False

    def get(self, term: str) -> Posting:
        """Return the postings of a term; of an unknown one, none."""
        changed = self._changed.get(term)
        if changed is not None:
            return changed
        position = self._filled.get(term)
        if position is None:
            return NOTHING
        part = slice(self._starts[position], self._starts[position + 1])
        return Posting(self._slots[part], self._weights[part])

    def count(self, term: str) -> int:
        """Return how many nodes have the term."""
        return len(self.get(term).slots)

    def beginning_with(self, prefix: str) -> list[str]:
        """Return the terms that begin so, in alphabetical order."""
        first = bisect_left(self._terms, prefix)
        return self._terms[first : bisect_left(self._terms, prefix + _END, first)]

    def begins_any(self, prefix: str) -> bool:
        """Tell whether a term begins so."""
        first = bisect_left(self._terms, prefix)
        return first < len(self._terms) and self._terms[first].startswith(prefix)

    def put(self, slot: int, weights: Mapping[str, float]) -> None:
        """Let a node have these terms, or count otherwise in those that it has."""
        for term, weight in weights.items():
            slots, before = self.get(term)
            at = int(np.searchsorted(slots, slot))
            if at < len(slots) and slots[at] == slot:
                changed = before.copy()
                changed[at] = weight
                self._changed[term] = Posting(slots, changed)
                continue
            if not len(slots):
                self._add_term(term)
            self._changed[term] = Posting(_inserted(slots, at, slot), _inserted(before, at, weight))

    def drop(self, slot: int, terms: Iterable[str]) -> None:
        """Let a node no longer have these terms."""
        for term in terms:
            slots, weights = self.get(term)
            at = int(np.searchsorted(slots, slot))
            if at == len(slots) or slots[at] != slot:
                continue
            self._changed[term] = Posting(np.delete(slots, at), np.delete(weights, at))
            if len(slots) == 1:
                del self._terms[bisect_left(self._terms, term)]

    def _add_term(self, term: str) -> None:
        insort(self._terms, term)
        self.characters.update(term)


def _inserted(array: npt.NDArray[Number], at: int, value: float) -> npt.NDArray[Number]:
    # np.insert takes five times as long.
    longer = np.empty(len(array) + 1, array.dtype)
    longer[:at], longer[at], longer[at + 1 :] = array[:at], value, array[at:]
    return longer


__all__ = ["NOTHING", "Posting", "Postings", "Slots", "Weights"]
