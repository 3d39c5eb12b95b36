"""From queries as people write them to the index's, and back."""

from math import ceil
from typing import Any

from registry.search.explain import WordScore, explain
from registry.search.filters import Filters
from registry.search.highlights import highlights
from registry.search.request import Answer, EnumSortBy, EnumSortOrder, Hit, Page, Request
from registry.search_models import (
    ModelHighlight,
    ModelNode,
    ModelSearchQuery,
    ModelSearchResponse,
    ModelSearchResult,
    ModelWordScore,
)


def request(query: ModelSearchQuery) -> Request:
    """Return what the index is asked."""
    filters = Filters(
        node_type=None if query.node_type is None else str(query.node_type),
        health_status=None if query.health_status is None else str(query.health_status),
        capability=query.capability,
        version=query.version,
        version_min=query.version_min,
        version_max=query.version_max,
        quality_score_min=query.quality_score_min,
    )
    order = query.sort_order or (EnumSortOrder.ASC if query.sort_by is EnumSortBy.NAME else EnumSortOrder.DESC)
    return Request(query.query.strip(), filters, query.sort_by, order is EnumSortOrder.ASC)


def page(query: ModelSearchQuery) -> Page:
    """Return which part of what is found is wanted."""
    return Page((query.page - 1) * query.page_size, query.page_size, query.snapshot)


def response(query: ModelSearchQuery, answer: Answer, *, seconds: float, age_seconds: float) -> ModelSearchResponse:
    """Return what the index answered."""
    # What the index holds was checked when it was registered.
    return ModelSearchResponse.model_construct(
        results=[_result(query, answer, hit) for hit in answer.hits],
        total_count=answer.total,
        total_pages=ceil(answer.total / query.page_size),
        page=query.page,
        page_size=query.page_size,
        facets=answer.facets,
        snapshot=answer.snapshot,
        query_time_ms=round(1000 * seconds, 3),
        age_seconds=round(age_seconds, 3),
    )


def node(hit: Hit) -> ModelNode:
    """Return a node without what only a search says of it."""
    return ModelNode.model_construct(**_shown(hit))


def _result(query: ModelSearchQuery, answer: Answer, hit: Hit) -> ModelSearchResult:
    found = highlights(hit.document, answer.words) if query.highlight and answer.words else []
    return ModelSearchResult.model_construct(
        **_shown(hit),
        relevance_score=hit.score,
        highlights=[
            ModelHighlight.model_construct(field=field.value, text=text, spans=list(spans))
            for field, text, spans in found
        ],
        explanation=[_word(word) for word in explain(hit.document, answer.words)] if query.explain else None,
    )


def _shown(hit: Hit) -> dict[str, Any]:
    document = hit.document
    return {
        "node_id": document.node_id,
        "node_name": document.node_name,
        "node_type": document.node_type,
        "version": document.version,
        "health_status": document.health_status,
        "capabilities": [dict(capability) for capability in document.capabilities],
        "endpoints": document.endpoints,
        "metadata": document.metadata,
        "registration_timestamp": document.registered_at,
        "last_heartbeat": document.last_heartbeat,
        "quality_score": hit.quality_score,
        "generation_success": hit.generation_success,
    }


def _word(score: WordScore) -> ModelWordScore:
    return ModelWordScore(
        word=score.word,
        term=score.term.lstrip("+"),
        how=score.how,
        shares={field.value: share for field, share in score.shares.items()},
        weight=score.weight,
        factor=score.factor,
        inverse_frequency=score.inverse_frequency,
        score=score.score,
        most=score.most,
    )


__all__ = ["node", "page", "request", "response"]
