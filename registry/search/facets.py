"""How many of the nodes found have each type, health, version and capability."""

from collections.abc import Mapping, Sequence

import numpy as np
import numpy.typing as npt

from registry.search.columns import Columns
from registry.search.postings import Slots

#: Of each facet the most frequent values.
MOST_VALUES = 20

Facets = Mapping[str, Mapping[str, int]]


def facets(slots: Slots, columns: Columns) -> Facets:
    """Return for each facet the values with their counts, the most frequent first."""
    capabilities = columns.capabilities
    return {
        **{name: _most(np.bincount(columns[name][slots]), codes.texts) for name, codes in columns.codes.items()},
        "capability": _most(capabilities.counts(slots), capabilities.codes.texts),
    }


def _most(counts: npt.NDArray[np.int64], texts: Sequence[str]) -> dict[str, int]:
    most = np.argsort(-counts, kind="stable")[:MOST_VALUES] if len(counts) > MOST_VALUES else np.arange(len(counts))
    # What has as many as the last one shown is not told apart by the alphabet, but by who came first.
    found = {texts[code]: int(counts[code]) for code in most if counts[code]}
    return dict(sorted(found.items(), key=lambda pair: (-pair[1], pair[0])))


__all__ = ["MOST_VALUES", "Facets", "facets"]
