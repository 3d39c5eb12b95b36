"""Durations counted in buckets: a DDSketch, which adds up where sorted values do not.

Bucket b holds the values in (GAMMA^(b-1), GAMMA^b], and stands for one that is at most `ERROR` of them away. As every
rank is off by no more than that, so is what is interpolated between two ranks.
"""

import math
from collections.abc import Mapping

import numpy as np
import numpy.typing as npt
import polars as pl

#: The greatest distance of a percentile from the exact one, as a share of it.
ERROR = 0.005

_LOG_GAMMA = math.log1p(ERROR) - math.log1p(-ERROR)
_MIDDLE = 1 - ERROR
#: The bucket of 0: far below that of any other double.
_ZERO = -(2**31)
#: Up to this many times as many buckets as values are counted in one array; beyond, by sorting.
_DENSE = 4


def bucket(value: pl.Expr) -> pl.Expr:
    """Bucket of each value, which must not be negative. Null stays null."""
    index = (value.log() * (1 / _LOG_GAMMA)).ceil()
    return pl.when(value > 0).then(index).when(value == 0).then(_ZERO).cast(pl.Int32)


def counts(buckets: pl.DataFrame, group: str) -> pl.DataFrame:
    """Count the values: one row per (hour, group, bucket), in that order.

    buckets: `hour`, `bucket` and the group's small code as integers; no nulls.
    """
    if buckets.is_empty():
        return buckets.select("hour", group, "bucket", n=pl.lit(0, pl.Int64)).clear()
    columns = {name: _Places(buckets[name]) for name in ("hour", group, "bucket")}
    size = math.prod(places.size for places in columns.values())
    key = np.zeros(buckets.height, np.int64)
    for places in columns.values():
        key = key * places.size + places.of
    keys, numbers = _distinct(key, size)
    found: dict[str, npt.NDArray[np.int64]] = {"n": numbers}
    for name, places in reversed(columns.items()):
        keys, place = np.divmod(keys, places.size)
        found[name] = places.back(place)
    return pl.DataFrame(found).select(pl.col("hour", group, "bucket").cast(pl.Int32), "n")


def quantiles(numbers: pl.DataFrame, key: list[str], shares: Mapping[str, float]) -> pl.DataFrame:
    """Return a row per key with the quantiles at these shares, interpolated linearly; off by at most `ERROR`.

    numbers: `bucket` and `n` under the key, in order of key and bucket.
    """
    groups = numbers.group_by(key, maintain_order=True).agg(pl.col("n").sum())
    totals = groups["n"].to_numpy()
    before = np.cumsum(totals) - totals
    reached = np.cumsum(numbers["n"].to_numpy())
    values = numbers.select(_value()).to_series().to_numpy()

    def at(rank: npt.NDArray[np.int64]) -> npt.NDArray[np.float64]:
        return np.asarray(values[np.searchsorted(reached, before + rank, side="right")])

    found = {}
    for name, share in shares.items():
        place = (totals - 1) * share
        lower = np.floor(place).astype(np.int64)
        low, high = at(lower), at(np.minimum(lower + 1, totals - 1))
        found[name] = pl.Series(low + (place - lower) * (high - low))
    return groups.drop("n").with_columns(**found)


def _value() -> pl.Expr:
    """The value that each bucket stands for."""
    return pl.when(pl.col("bucket") == _ZERO).then(0.0).otherwise((pl.col("bucket") * _LOG_GAMMA).exp() * _MIDDLE)


def _distinct(keys: npt.NDArray[np.int64], size: int) -> tuple[npt.NDArray[np.int64], npt.NDArray[np.int64]]:
    """Return the keys that occur, in order, and how often each does."""
    if size > _DENSE * len(keys):
        return np.unique(keys, return_counts=True)
    numbers = np.bincount(keys)
    present = np.flatnonzero(numbers)
    return present, numbers[present]


class _Places:
    """Numbers as places from 0 on: by their distance from the least, the bucket of 0 next to the others."""

    def __init__(self, numbers: pl.Series) -> None:
        ordinary = numbers.filter(numbers != _ZERO)
        self._first = int(ordinary.min() or 0) - 1  # type: ignore[arg-type]
        self.size = int(ordinary.max() or 0) - self._first + 1  # type: ignore[arg-type]
        of = numbers.cast(pl.Int64).to_numpy() - self._first
        self.of = np.maximum(of, 0)

    def back(self, places: npt.NDArray[np.int64]) -> npt.NDArray[np.int64]:
        """Return the numbers at these places."""
        return np.where(places == 0, _ZERO, places + self._first)
