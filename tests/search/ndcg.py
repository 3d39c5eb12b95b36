"""Normalised discounted cumulative gain of the first ten: 1 if the most useful come first, in order."""

from collections.abc import Mapping, Sequence
from math import log2


def ndcg10(found: Sequence[str], use: Mapping[str, int]) -> float:
    """Return nDCG@10 of an answer, by the gain 2^use - 1.

    >>> ndcg10(["a", "b"], {"a": 3, "b": 1}), ndcg10([], {"a": 3})
    (1.0, 0.0)
    """
    best = sorted(use.values(), reverse=True)
    return _gain([use.get(node_id, 0) for node_id in found]) / _gain(best)


def _gain(uses: Sequence[int]) -> float:
    return sum((2.0**use - 1) / log2(place + 2) for place, use in enumerate(uses[:10]))


__all__ = ["ndcg10"]
