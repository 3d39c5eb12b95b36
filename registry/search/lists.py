"""Texts of which there are few as numbers, and for each slot a list of them."""

from collections.abc import Sequence
from typing import TypeVar

import numpy as np
import numpy.typing as npt

from registry.search.postings import Slots

Number = TypeVar("Number", np.int32, np.int64)


class Codes:
    """Numbers for texts of which there are few, in the order of their coming."""

    def __init__(self, texts: Sequence[str] = ()) -> None:
        self.texts = list(texts)
        self._codes = {text: code for code, text in enumerate(texts)}

    def code(self, text: str) -> int:
        """Return the number of a text, a new one if it has none."""
        code = self._codes.setdefault(text, len(self.texts))
        if code == len(self.texts):
            self.texts.append(text)
        return code

    def known(self, text: str) -> int:
        """Return the number of a text, or one that no node has."""
        return self._codes.get(text, -2)


class Lists:
    """A list of texts for each slot: all lists behind one another, and where each begins.

    A list that changes is written anew at the end. What it leaves behind is closed up when it is half of everything.
    """

    def __init__(self) -> None:
        self.codes = Codes()
        self._values = np.empty(64, np.int32)
        self._used = 0
        self._starts, self._lengths = np.zeros(16, np.int64), np.zeros(16, np.int32)

    def fill(self, texts: Sequence[str], codes: npt.NDArray[np.int32], lengths: npt.NDArray[np.int32]) -> None:
        """Take all lists at once: the codes of one slot's texts after another's, and how many each slot has."""
        self.codes = Codes(texts)
        self._values, self._used = codes.copy(), len(codes)
        self._lengths = lengths.astype(np.int32)
        self._starts = np.cumsum(lengths, dtype=np.int64) - lengths

    def put(self, slot: int, texts: Sequence[str]) -> None:
        """Set the list of a slot."""
        self._starts, self._lengths = _long_enough(self._starts, slot + 1), _long_enough(self._lengths, slot + 1)
        if self._used + len(texts) > len(self._values):
            self._close_up(len(texts))
        end = self._used + len(texts)
        self._values[self._used : end] = [self.codes.code(text) for text in texts]
        self._starts[slot], self._lengths[slot], self._used = self._used, len(texts), end

    def counts(self, slots: Slots) -> npt.NDArray[np.int64]:
        """Return how many of these slots have each text, by its code."""
        values = self._values[self._places(slots)]
        return np.bincount(values, minlength=len(self.codes.texts))

    def _places(self, slots: Slots) -> npt.NDArray[np.int64]:
        lengths = self._lengths[slots].astype(np.int64)
        ends = np.cumsum(lengths)
        total = int(ends[-1]) if len(ends) else 0
        return np.arange(total) + np.repeat(self._starts[slots] - ends + lengths, lengths)

    def _close_up(self, more: int) -> None:
        slots = np.flatnonzero(self._lengths).astype(np.int32)
        values = self._values[self._places(slots)]
        lengths = self._lengths[slots].astype(np.int64)
        self._starts[slots] = np.cumsum(lengths) - lengths
        self._used = len(values)
        self._values = np.empty(2 * (self._used + more) + 64, np.int32)
        self._values[: self._used] = values


def _long_enough(array: npt.NDArray[Number], size: int) -> npt.NDArray[Number]:
    if size <= len(array):
        return array
    longer = np.zeros(2 * size, array.dtype)
    longer[: len(array)] = array
    return longer


__all__ = ["Codes", "Lists"]
