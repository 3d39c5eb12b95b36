"""The order of texts as numbers: each key gets a label, and labels compare as the keys do.

So nodes are sorted by name or version, and versions compared with a range, as fast as numbers are. A new key gets a
label between its neighbours'; where there is no room, the labels around it are spread anew.
"""

from bisect import bisect_left
from collections.abc import Iterable, Sequence
from itertools import pairwise
from typing import Any, Generic, TypeVar

import numpy as np
import numpy.typing as npt

Key = TypeVar("Key", bound=Any)
Labels = npt.NDArray[np.int64]

_SPACE = 1 << 40
#: Labels are spread anew until they are at least so far apart.
_ROOM = 1 << 20


class Order(Generic[Key]):
    """Labels of keys. `moved` lists what labels the latest `add` changed: old ones, and the new one of each.

    >>> order = Order(["a", "c"])
    >>> order.label("a") < order.add("b") < order.label("c")
    True
    """

    def __init__(self, keys: Iterable[Key] = ()) -> None:
        self._keys: list[Key] = sorted(set(keys))
        self._labels: list[int] = [position * _SPACE for position in range(len(self._keys))]
        self.moved: tuple[Labels, Labels] | None = None

    def __len__(self) -> int:
        return len(self._keys)

    def label(self, key: Key) -> int:
        """Return the label of a key that was added."""
        return self._labels[bisect_left(self._keys, key)]

    def labels(self, keys: Sequence[Key]) -> Labels:
        """Return the labels of keys that were added."""
        known = dict(zip(self._keys, self._labels, strict=True))
        return np.fromiter(map(known.__getitem__, keys), np.int64, len(keys))

    def key(self, label: int) -> Key:
        """Return the key of a label."""
        return self._keys[bisect_left(self._labels, label)]

    def start(self, key: Key) -> int:
        """Return the least label whose key is not below this one, which need not have been added."""
        position = bisect_left(self._keys, key)
        return self._labels[position] if position < len(self._labels) else np.iinfo(np.int64).max

    def add(self, key: Key) -> int:
        """Return the label of a key, a new one if it has none. Sets `moved`."""
        self.moved = None
        position = bisect_left(self._keys, key)
        if position < len(self._keys) and self._keys[position] == key:
            return self._labels[position]
        label = self._between(position)
        self._keys.insert(position, key)
        self._labels.insert(position, label)
        if self._is_crowded(position):
            self._spread(position)
        return self._labels[position]

    def remove(self, key: Key) -> None:
        """Forget a key."""
        position = bisect_left(self._keys, key)
        del self._keys[position], self._labels[position]

    def _between(self, position: int) -> int:
        if not self._labels:
            return 0
        if position == 0:
            return self._labels[0] - _SPACE
        if position == len(self._labels):
            return self._labels[-1] + _SPACE
        return (self._labels[position - 1] + self._labels[position]) // 2

    def _is_crowded(self, position: int) -> bool:
        around = self._labels[max(position - 1, 0) : position + 2]
        return any(right - left < 2 for left, right in pairwise(around))

    def _spread(self, position: int) -> None:
        """Give the labels of a growing neighbourhood equal distances, until those are wide enough."""
        reach = 32
        while True:
            first, last = max(position - reach, 0), min(position + reach, len(self._labels) - 1)
            everything = first == 0 and last == len(self._labels) - 1
            distance = _SPACE if everything else (self._labels[last] - self._labels[first]) // (last - first)
            if distance >= _ROOM:
                break
            reach *= 4
        old = np.array(self._labels[first : last + 1], np.int64)
        new = self._labels[first] + distance * np.arange(len(old), dtype=np.int64)
        self._labels[first : last + 1] = new.tolist()
        self.moved = (old, new)


def moved_labels(labels: Labels, moved: tuple[Labels, Labels]) -> Labels:
    """Return the labels with those that were moved in their new place."""
    old, new = moved
    position = np.minimum(np.searchsorted(old, labels), len(old) - 1)
    return np.where(old[position] == labels, new[position], labels)


__all__ = ["Labels", "Order", "moved_labels"]
