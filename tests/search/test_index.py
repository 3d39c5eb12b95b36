"""What an index finds, in what order, and that changes of single nodes leave it as a fill would make it."""

import random
from dataclasses import replace
from datetime import UTC, datetime
from itertools import pairwise
from typing import Any

import pytest

from omninode.errors import BadInput
from registry.search.document import NodeDocument
from registry.search.explain import explain
from registry.search.filters import Filters
from registry.search.highlights import highlights
from registry.search.index import SearchIndex
from registry.search.pages import NODES
from registry.search.request import Answer, EnumSortBy, Page, Request
from tests.search.nodes import ask, ids, index_of, many_nodes, node

_API = node("api", "PublicApi", "http_api", metadata={"team": "edge"})
_KAFKA = node("kafka", "KafkaConsumer", "kafka_consumer", metadata={"team": "streaming"})


@pytest.mark.parametrize(
    ("query", "expected"),
    [
        ("kafka", ["kafka"]),
        ("KafkaConsumer", ["kafka"]),
        ("kafkaconsumer", ["kafka"]),
        ("consumer kafka", ["kafka"]),
        ("kafka edge", []),
        ("kaf", ["kafka"]),
        ("kakfa", ["kafka"]),
        ("kafkaa", ["kafka"]),
        ("kfka", ["kafka"]),
        ("kaxka", ["kafka"]),
        ("kxxka", []),
        ("apu", []),
        ("streaming", ["kafka"]),
        ("httpapi", ["api"]),
        ("", ["kafka", "api"]),
        ("???", ["kafka", "api"]),
    ],
)
def test_every_word_must_match(query: str, expected: list[str]) -> None:
    """As it is, as a beginning, or in a longer word with one typo; in any order and spelling."""
    assert ids(ask(index_of(_API, _KAFKA), query)) == expected


def test_names_count_over_capabilities_over_metadata() -> None:
    """The same word counts most in a name, least in metadata; every score is between 0 and 1."""
    answer = ask(
        index_of(
            node("m", "OneNode", "first_thing", metadata={"about": "redis"}),
            node("c", "OtherNode", "redis_cache"),
            node("n", "RedisNode", "third_thing"),
        ),
        "redis",
    )
    assert ids(answer) == ["n", "c", "m"]
    assert all(1 >= one.score > other.score > 0 for one, other in pairwise(answer.hits))


@pytest.mark.parametrize(
    ("filters", "expected"),
    [
        ({"node_type": "effect"}, {"a", "b"}),
        ({"health_status": "healthy"}, {"a", "c"}),
        ({"capability": "x_y"}, {"b", "c"}),
        ({"capability": "x"}, set()),
        ({"version": "1.2.0"}, {"a"}),
        ({"version": "^1.2"}, {"a", "b"}),
        ({"version_min": "1.3.0"}, {"b", "c"}),
        ({"version_min": "1.0.0", "version_max": "1.3"}, {"a", "b"}),
        ({"version": "latest"}, {"d"}),
        ({"node_type": "effect", "health_status": "healthy"}, {"a"}),
        ({"node_type": "nothing"}, set()),
    ],
)
def test_filters_must_all_hold(filters: dict[str, Any], expected: set[str]) -> None:
    """Each by itself, and together."""
    index = index_of(
        node("a", version="1.2.0", health_status="healthy"),
        node("b", "MyNode", "x_y", version="1.3.5"),
        node("c", "MyNode", "x_y", version="2.0.0", health_status="healthy", node_type="compute"),
        node("d", version="latest", node_type="reducer"),
    )
    assert set(ids(ask(index, **filters))) == expected


@pytest.mark.parametrize(
    ("sort_by", "ascending", "expected"),
    [
        (EnumSortBy.NAME, True, ["b", "c", "a"]),
        (EnumSortBy.NAME, False, ["a", "c", "b"]),
        (EnumSortBy.VERSION, True, ["a", "b", "c"]),
        (EnumSortBy.VERSION, False, ["b", "a", "c"]),
        (EnumSortBy.REGISTRATION_TIME, True, ["c", "b", "a"]),
        (EnumSortBy.LAST_HEARTBEAT, True, ["c", "b", "a"]),
        (EnumSortBy.LAST_HEARTBEAT, False, ["b", "c", "a"]),
    ],
)
def test_results_are_ordered(sort_by: EnumSortBy, ascending: bool, expected: list[str]) -> None:
    """By name without regard to case, by SemVer, by time; what is unknown is last either way."""
    time = [datetime(2025, 1, day, tzinfo=UTC) for day in range(1, 4)]
    index = index_of(
        node("a", "gamma", version="2.0.0", registered_at=time[2]),
        node("b", "Alpha", version="10.0.0", registered_at=time[1], last_heartbeat=time[1]),
        node("c", "beta", version="unknown", registered_at=time[0], last_heartbeat=time[0]),
    )
    answer = index.search(Request(sort_by=sort_by, ascending=ascending), Page())
    assert ids(answer) == expected


def test_facets_count_what_was_found() -> None:
    """By type, health, version and capability, over all pages."""
    nodes = list(many_nodes(400))
    answer = ask(index_of(*nodes), "kafka", size=1)
    found = [document for document in nodes if "kafka" in repr(document).lower()]
    assert answer.total == len(found) > 20
    for kind in ("node_type", "health_status"):
        expected = [getattr(document, kind) for document in found]
        assert answer.facets[kind] == {value: expected.count(value) for value in set(expected)}
    names = [name for document in found for name in document.capability_names()]
    assert all(names.count(name) == count for name, count in answer.facets["capability"].items())
    assert max(answer.facets["capability"].values()) == max(map(names.count, names))


def test_later_pages_are_of_the_same_snapshot() -> None:
    """Nodes that come, change or go between two pages move no other node from page to page."""
    index = index_of(*many_nodes(300))
    everything = ids(ask(index, "data", size=300))
    first = ask(index, "data", size=20)
    index.put([replace(document, node_name="DataDataData") for document in many_nodes(5, seed=7)])
    index.drop([everything[25]])
    pages = [index.search(Request("data"), Page(20 * page, 20, first.snapshot)) for page in range(1, 16)]
    seen = ids(first) + [found for page in pages for found in ids(page)]
    assert seen == [found for found in everything if found != everything[25]]
    assert len(ask(index, "data", size=300).hits) != len(everything)


def test_a_snapshot_of_another_query_is_refused() -> None:
    """As is one that is not kept any more."""
    index = index_of(*many_nodes(50))
    name = ask(index, "data", size=5).snapshot
    with pytest.raises(BadInput, match="belongs to another query"):
        index.search(Request("kafka"), Page(5, 5, name))
    with pytest.raises(BadInput, match="'gone' is not kept any more"):
        index.search(Request("data"), Page(5, 5, "gone"))


def test_single_changes_leave_what_a_fill_makes() -> None:
    """After a thousand random changes every question is answered as by an index made of the result."""
    rng, changed = random.Random(5), SearchIndex(NODES.empty_table())
    kept: dict[str, NodeDocument] = {}
    for document in many_nodes(1_000, seed=3):
        as_now = replace(document, node_id=f"n-{rng.randrange(300)}")
        if rng.random() < 0.25:
            changed.drop([as_now.node_id])
            kept.pop(as_now.node_id, None)
        else:
            changed.put([as_now])
            kept[as_now.node_id] = as_now
    made = index_of(*kept.values())
    assert len(changed) == len(made) == len(kept)
    for query in ("kafka", "data requests", "KafkaHttpConsumer", "valid", "kakfa", "eu-west", "n-7", ""):
        for filters in (Filters(), Filters(node_type="effect", version=">=1,<3")):
            for sort_by in EnumSortBy:
                asked = Request(query, filters, sort_by)
                assert _told(changed.search(asked, Page(0, 400))) == _told(made.search(asked, Page(0, 400)))
    sql = "SELECT term, count(*), round(sum(weight), 3) FROM node_terms GROUP BY term ORDER BY term"
    assert changed.sql(sql) == made.sql(sql)


def _told(answer: Answer) -> list[object]:
    facets = {name: counts for name, counts in answer.facets.items() if name != "capability" and name != "version"}
    return [answer.total, facets, [(hit.document.node_id, pytest.approx(hit.score, abs=1e-5)) for hit in answer.hits]]


def test_an_explanation_adds_up() -> None:
    """The words' scores over what they could be at most are the node's score."""
    answer = ask(index_of(*many_nodes(300)), "kafka consum requests")
    for hit in answer.hits[:10]:
        scores = explain(hit.document, answer.words)
        assert sum(word.score for word in scores) / sum(word.most for word in scores) == pytest.approx(
            hit.score, rel=1e-4
        )


def test_what_was_found_is_marked() -> None:
    """In the text as it was written, with accents and capitals."""
    document = node("n-1", "KafkaConsumér", "kafka_consumer", metadata={"note": "ÉVÉNEMENT from kafka"})
    answer = ask(index_of(document), "kafka evenement consumer")
    marked = [
        (text, [text[start:end] for start, end in spans]) for _, text, spans in highlights(document, answer.words)
    ]
    assert marked == [
        ("KafkaConsumér", ["Kafka", "Consumér"]),
        ("kafka_consumer", ["kafka", "consumer"]),
        ("ÉVÉNEMENT from kafka", ["ÉVÉNEMENT", "kafka"]),
    ]


def test_a_query_that_is_too_long_is_refused() -> None:
    """By characters and by words."""
    with pytest.raises(BadInput, match="1,001 characters are too many"):
        ask(index_of(_API), "x" * 1_001)
    with pytest.raises(BadInput, match="33 words are too many"):
        ask(index_of(_API), " ".join(f"w{number}" for number in range(33)))
