"""How the search is asked and answers. What does not fit raises pydantic's `ValidationError`."""

from collections.abc import Mapping
from datetime import datetime
from typing import Annotated, Any

from pydantic import BaseModel, ConfigDict, Field

from registry.enums import EnumHealthStatus
from registry.field_types import NodeType
from registry.search.request import EnumSortBy, EnumSortOrder

#: For more there are the `discover_...` methods, which return every match.
MAX_PAGE_SIZE = 1_000


class _Frozen(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class ModelSearchQuery(_Frozen):
    """A question. Every word of `query` must match; every filter must hold; what is None does not matter.

    `version` is one version or a range: `1.2.0`, `^1.2`, `~1.2`, `1.2.x`, `>=1,<2`, `^1 || ^3`. `version_min` and
    `version_max` are inclusive. Without `sort_order` relevance, versions and times come greatest first, names from A.
    `snapshot` is that of an earlier answer to the same query: its later pages are then pages of what was found then.
    `explain` and `highlight` cost a little more.
    """

    query: str = ""
    node_type: NodeType | None = None
    health_status: EnumHealthStatus | None = None
    capability: str | None = None
    version: str | None = None
    version_min: str | None = None
    version_max: str | None = None
    quality_score_min: Annotated[float, Field(ge=0, le=1)] | None = None
    page: Annotated[int, Field(ge=1)] = 1
    page_size: Annotated[int, Field(ge=1, le=MAX_PAGE_SIZE)] = 20
    sort_by: EnumSortBy = EnumSortBy.RELEVANCE
    sort_order: EnumSortOrder | None = None
    snapshot: str | None = None
    explain: bool = False
    highlight: bool = True


class ModelHighlight(_Frozen):
    """A text of a node (`field`: name, capability, description or metadata) and the spans of it that were found."""

    field: str
    text: str
    spans: list[tuple[int, int]]


class ModelWordScore(_Frozen):
    """What one word of the query gave to a score: `weight` * `factor` * `inverse_frequency`.

    `term` stands for the word, `how` says why (exact, joined, prefix, typo). `shares` are what the fields gave to it;
    their sum f makes the weight, f / (1.2 + f). `most` is what no node's score for the word exceeds.
    """

    word: str
    term: str
    how: str
    shares: dict[str, float]
    weight: float
    factor: float
    inverse_frequency: float
    score: float
    most: float


class ModelNode(_Frozen):
    """A registered node. Quality and success of the generation that made it are None where they are not known."""

    node_id: str
    node_name: str
    node_type: str
    version: str
    health_status: str
    capabilities: list[dict[str, Any]]
    endpoints: dict[str, Any]
    metadata: dict[str, Any]
    registration_timestamp: datetime | None
    last_heartbeat: datetime | None
    quality_score: float | None
    generation_success: bool | None


class ModelSearchResult(ModelNode):
    """A node that was found. `relevance_score` is from 0 to 1; without a query it is 1.

    With `explain`, it is the sum of `score` over the sum of `most`.
    """

    relevance_score: float
    highlights: list[ModelHighlight] = []
    explanation: list[ModelWordScore] | None = None


class ModelSearchResponse(_Frozen):
    """A page of what was found.

    `facets` count the nodes found, over all pages, by node_type, health_status, version and capability: the 20 most
    frequent of each. `snapshot` is None if this page is all there is. `age_seconds` tells how long ago the index was
    known to be up to date: above a second, changes do not reach it.
    """

    results: list[ModelSearchResult]
    total_count: int
    total_pages: int
    page: int
    page_size: int
    facets: Mapping[str, Mapping[str, int]]
    snapshot: str | None
    query_time_ms: float
    age_seconds: float


__all__ = [
    "MAX_PAGE_SIZE",
    "ModelHighlight",
    "ModelNode",
    "ModelSearchQuery",
    "ModelSearchResponse",
    "ModelSearchResult",
    "ModelWordScore",
]
