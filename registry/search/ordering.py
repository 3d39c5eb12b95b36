"""The sort orders: a key for each node found, ascending."""

import numpy as np

from registry.search.columns import NEVER, Columns
from registry.search.match import Matches
from registry.search.ranking import Ranking
from registry.search.request import EnumSortBy, Request

_LAST = np.iinfo(np.int64).max
_TIMES = {EnumSortBy.REGISTRATION_TIME: "registered_at", EnumSortBy.LAST_HEARTBEAT: "last_heartbeat"}


def ranking(matches: Matches, columns: Columns, request: Request) -> Ranking:
    """Return the nodes found in the order that was asked for; what ties by name, what is unknown last."""
    slots, scores = matches
    names = columns["name_label"][slots]
    match request.sort_by:
        case EnumSortBy.RELEVANCE:
            return Ranking(slots, scores if request.ascending else -scores, names, scores)
        case EnumSortBy.NAME:
            return Ranking(slots, names if request.ascending else -names, names, scores)
        case EnumSortBy.VERSION:
            keys = columns["version_label"][slots]
            unknown = keys >= columns.versions.start((1,))
        case EnumSortBy.REGISTRATION_TIME | EnumSortBy.LAST_HEARTBEAT:
            keys = columns[_TIMES[request.sort_by]][slots]
            unknown = keys == NEVER
    return Ranking(slots, np.where(unknown, _LAST, keys if request.ascending else -keys), names, scores)


__all__ = ["ranking"]
