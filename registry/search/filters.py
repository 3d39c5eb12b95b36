"""What nodes must have beside the words of a query."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from registry.search.columns import Columns
from registry.search.match import Mask
from registry.search.order import Labels, Order
from registry.search.postings import Postings, Slots
from registry.search.ranges import Interval, at_least, at_most, is_range, meet, parse_range
from registry.search.versions import VersionKey, version_key

#: Marks the term of a capability's whole name: no word has it.
CAPABILITY = "="


@dataclass(frozen=True, slots=True)
class Filters:
    """Each must hold; None holds for all nodes. `version` is one version or a range."""

    node_type: str | None = None
    health_status: str | None = None
    capability: str | None = None
    version: str | None = None
    version_min: str | None = None
    version_max: str | None = None
    quality_score_min: float | None = None

    def keep(self, slots: Slots, columns: Columns, postings: Postings) -> Mask:
        """Return which of these slots, ascending, hold a node that has all this. Raises `BadInput` for a bad range."""
        kept: Mask = columns["alive"][slots]
        for name in ("node_type", "health_status"):
            wanted: str | None = getattr(self, name)
            if wanted is not None:
                kept &= columns[name][slots] == columns.codes[name].known(wanted)
        if self.capability is not None:
            kept &= _among(slots, postings.get(CAPABILITY + self.capability).slots)
        if self.quality_score_min is not None:
            kept &= columns["quality_score"][slots] >= np.float32(self.quality_score_min)
        intervals = self.intervals()
        if intervals is not None:
            kept &= _in_any(columns["version_label"][slots], intervals, columns.versions)
        return kept

    def intervals(self) -> list[Interval] | None:
        """Return the versions that are let through, or None for all."""
        found = None if self.version is None else _versions(self.version)
        for bound in self._bounds():
            found = [bound] if found is None else [meet(interval, bound) for interval in found]
        return found

    def _bounds(self) -> list[Interval]:
        return [
            *([] if self.version_min is None else [at_least(self.version_min, "version_min")]),
            *([] if self.version_max is None else [at_most(self.version_max, "version_max")]),
        ]


def _versions(text: str) -> list[Interval]:
    if is_range(text):
        return parse_range(text)
    key = version_key(text)
    return [Interval(key, (*key, ()))]


def _in_any(labels: Labels, intervals: Sequence[Interval], versions: Order[VersionKey]) -> Mask:
    kept = np.zeros(len(labels), np.bool_)
    for start, end in intervals:
        kept |= (labels >= versions.start(start)) & (labels < versions.start(end))
    return kept


def _among(slots: Slots, others: Slots) -> Mask:
    if not len(others) or not len(slots):
        return np.zeros(len(slots), np.bool_)
    if len(slots) < 1_000:
        at = np.minimum(np.searchsorted(others, slots), len(others) - 1)
        return np.equal(others[at], slots)
    spread = np.zeros(max(int(slots[-1]), int(others[-1])) + 1, np.bool_)
    spread[others] = True
    return spread[slots]


__all__ = ["CAPABILITY", "Filters"]
