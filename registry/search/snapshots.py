"""What a search found, kept for its later pages: so that they neither repeat nor leave out what moved meanwhile."""

from collections import OrderedDict
from dataclasses import dataclass
from secrets import token_urlsafe

from omninode.errors import BadInput
from registry.search.facets import Facets
from registry.search.plan import Word
from registry.search.ranking import Ranking

#: How much memory snapshots may hold; then the one that was longest unused goes.
_MOST_BYTES = 64 * 1024 * 1024


@dataclass(frozen=True, slots=True)
class Found:
    """All nodes that a search found, in order, the facets, and what it looked for."""

    ranking: Ranking
    words: tuple[Word, ...]
    facets: Facets
    query: object


class Snapshots:
    """The latest snapshots, each under a name of its own that cannot be guessed."""

    def __init__(self, most_bytes: int = _MOST_BYTES) -> None:
        self._kept: OrderedDict[str, Found] = OrderedDict()
        self._most_bytes = most_bytes
        self._bytes = 0

    def keep(self, found: Found) -> str | None:
        """Keep one and return its name; None if it alone is too large."""
        if found.ranking.bytes > self._most_bytes:
            return None
        name = token_urlsafe(12)
        self._kept[name] = found
        self._bytes += found.ranking.bytes
        while self._bytes > self._most_bytes:
            self._bytes -= self._kept.popitem(last=False)[1].ranking.bytes
        return name

    def get(self, name: str, query: object) -> Found:
        """Return one that is still there. Raises `BadInput` if it is not, or was another query's."""
        found = self._kept.get(name)
        if found is None:
            raise BadInput(f"snapshot: {name!r} is not kept any more; search again without it")
        if found.query != query:
            raise BadInput(f"snapshot: {name!r} belongs to another query; change only the page")
        self._kept.move_to_end(name)
        return found


__all__ = ["Found", "Snapshots"]
