"""Values of JSON compared as the database compares them."""

from typing import Any


def same(one: Any, other: Any) -> bool:
    """Tell whether two values are the same; true is not 1, although Python says so.

    >>> same({"a": [1]}, {"a": [1.0]}), same({"a": [1]}, {"a": [True]})
    (True, False)
    """
    if isinstance(one, dict) and isinstance(other, dict):
        return one.keys() == other.keys() and all(same(one[name], other[name]) for name in one)
    if isinstance(one, list) and isinstance(other, list):
        return len(one) == len(other) and all(map(same, one, other))
    return isinstance(one, bool) == isinstance(other, bool) and bool(one == other)


__all__ = ["same"]
