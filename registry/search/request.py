"""A search and its answer, as plain values."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from enum import StrEnum

from registry.search.document import NodeDocument
from registry.search.facets import Facets
from registry.search.filters import Filters
from registry.search.plan import Word


class EnumSortBy(StrEnum):
    """What results are ordered by; what ties is ordered by name, then id."""

    RELEVANCE = "relevance"
    NAME = "name"
    VERSION = "version"
    REGISTRATION_TIME = "registration_time"
    LAST_HEARTBEAT = "last_heartbeat"


class EnumSortOrder(StrEnum):
    """Which end comes first. What is unknown comes last either way."""

    ASC = "asc"
    DESC = "desc"


@dataclass(frozen=True, slots=True)
class Request:
    """What is looked for. A blank query finds all nodes that the filters let through."""

    query: str = ""
    filters: Filters = field(default_factory=Filters)
    sort_by: EnumSortBy = EnumSortBy.RELEVANCE
    ascending: bool = False


@dataclass(frozen=True, slots=True)
class Page:
    """A part of what was found: from `start` on, at most `size` nodes. `snapshot` names an earlier search."""

    start: int = 0
    size: int = 20
    snapshot: str | None = None


@dataclass(frozen=True, slots=True)
class Hit:
    """A node that was found. Quality and success of the generation that made it are None where they are not known."""

    document: NodeDocument
    score: float
    quality_score: float | None
    generation_success: bool | None


@dataclass(frozen=True, slots=True)
class Answer:
    """The nodes of a page, how many were found in all, what was looked for, and among how many nodes."""

    hits: Sequence[Hit]
    total: int
    facets: Facets
    words: tuple[Word, ...]
    snapshot: str | None
    nodes: int


__all__ = ["Answer", "EnumSortBy", "EnumSortOrder", "Hit", "Page", "Request"]
