"""The first of many by a key, without sorting them all. What ties is ordered by a second key, ascending."""

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from registry.search.postings import Slots


@dataclass(frozen=True, slots=True)
class Ranking:
    """Slots with what they are ordered by: `keys` ascending, then `ties` ascending. No two slots tie in both."""

    slots: Slots
    keys: npt.NDArray[np.float64] | npt.NDArray[np.float32] | npt.NDArray[np.int64]
    ties: npt.NDArray[np.int64]
    scores: npt.NDArray[np.float32]

    def page(self, start: int, size: int) -> npt.NDArray[np.intp]:
        """Return the positions of what comes at `start` and after it, in order."""
        if start >= len(self.slots):
            return np.empty(0, np.intp)
        return self._first(start + size)[start:]

    def _first(self, count: int) -> npt.NDArray[np.intp]:
        if count >= len(self.slots):
            return np.lexsort((self.ties, self.keys))
        bound = np.partition(self.keys, count - 1)[count - 1]
        before = np.flatnonzero(self.keys < bound)
        tied = np.flatnonzero(self.keys == bound)
        wanted = count - len(before)
        if wanted < len(tied):
            tied = tied[np.argpartition(self.ties[tied], wanted - 1)[:wanted]]
        chosen = np.concatenate([before, tied])
        return chosen[np.lexsort((self.ties[chosen], self.keys[chosen]))]

    @property
    def bytes(self) -> int:
        """How much memory it holds."""
        return self.slots.nbytes + self.keys.nbytes + self.ties.nbytes + self.scores.nbytes


__all__ = ["Ranking"]
