"""Search and discovery over the nodes of a registry.

A `SearchAPI` keeps an index of all nodes in this process. The first question fills it; from then on it follows whatever
any process changes. See docs/search.md.
"""

from collections.abc import Callable, Mapping, Sequence
from time import perf_counter
from typing import Any, Protocol

from registry.enums import EnumHealthStatus, EnumNodeType
from registry.search.answers import node, page, request, response
from registry.search.feed import Feed
from registry.search.filters import Filters
from registry.search.follower import Follower
from registry.search.generations import Generations
from registry.search.index import Generation, SearchIndex
from registry.search.request import EnumSortBy, EnumSortOrder, Page, Request
from registry.search.threads import in_thread
from registry.search_models import ModelNode, ModelSearchQuery, ModelSearchResponse, ModelSearchResult

#: Takes ids of workflows and returns how the generations of those went that it knows.
GenerationLookup = Callable[[Sequence[str]], Mapping[str, Generation]]


class SearchableRegistry(Protocol):
    """A registry whose nodes can be followed."""

    def open_feed(self) -> Feed:
        """Return a new feed of the nodes."""


class SearchAPI:
    """Search over a registry's nodes, for any number of tasks and threads. As a context manager it closes itself.

    `generations` looks up how the generations of workflows went: a node whose metadata names its `workflow_id` then has
    a quality and a success. Without it, and for other nodes, `quality_score` in a node's metadata counts.
    """

    def __init__(self, registry_service: SearchableRegistry, generations: GenerationLookup | None = None) -> None:
        lookup = Generations(generations)
        self._follower = Follower(registry_service.open_feed, lookup.tell)

    def __enter__(self) -> "SearchAPI":
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """Stop following the registry."""
        self._follower.close()

    async def search(self, query: ModelSearchQuery) -> ModelSearchResponse:
        """Return a page of the nodes that match.

        Raises `BadInput` for a version range, a query or a snapshot that cannot be used, `DatabaseError` if the index
        cannot be filled.
        """
        return await in_thread(lambda: self._search(query))

    async def discover_by_capability(self, capability: str) -> list[ModelNode]:
        """Return every node that has the capability of exactly this name, ordered by name."""
        return await self._discover(Filters(capability=capability))

    async def discover_by_type(self, node_type: EnumNodeType | str) -> list[ModelNode]:
        """Return every node of this type, ordered by name."""
        return await self._discover(Filters(node_type=_label(node_type)))

    async def get_healthy_nodes_by_type(self, node_type: EnumNodeType | str) -> list[ModelNode]:
        """Return every healthy node of this type, ordered by name."""
        return await self._discover(Filters(node_type=_label(node_type), health_status=EnumHealthStatus.HEALTHY.value))

    async def discover(self, query: ModelSearchQuery) -> list[ModelNode]:
        """Return every node that matches, in the query's order; pages do not count."""
        asked = request(query)
        return await in_thread(lambda: self._all(asked))

    async def sql(self, sql: str) -> list[tuple[Any, ...]]:
        """Answer a question in SQL over the index: tables nodes, node_capabilities, postings; the view node_terms."""
        return await in_thread(lambda: self._index().sql(sql))

    def _search(self, query: ModelSearchQuery) -> ModelSearchResponse:
        index = self._index()
        began = perf_counter()
        answer = index.search(request(query), page(query))
        seconds = perf_counter() - began
        return response(query, answer, seconds=seconds, age_seconds=self._follower.age_seconds)

    async def _discover(self, filters: Filters) -> list[ModelNode]:
        asked = Request(filters=filters, sort_by=EnumSortBy.NAME, ascending=True)
        return await in_thread(lambda: self._all(asked))

    def _all(self, asked: Request) -> list[ModelNode]:
        index = self._index()
        return [node(hit) for hit in index.search(asked, Page(0, len(index) + 1)).hits]

    def _index(self) -> SearchIndex:
        return self._follower.index()


def _label(node_type: str) -> str:
    return str(node_type).strip().lower()


__all__ = [
    "EnumHealthStatus",
    "EnumNodeType",
    "EnumSortBy",
    "EnumSortOrder",
    "GenerationLookup",
    "ModelNode",
    "ModelSearchQuery",
    "ModelSearchResponse",
    "ModelSearchResult",
    "SearchAPI",
    "SearchableRegistry",
]
