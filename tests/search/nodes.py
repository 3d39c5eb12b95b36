"""Nodes for the search's tests, and the registries that hold them."""

import json
import random
from collections.abc import Iterable, Iterator, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any

from registry.search.document import NodeDocument
from registry.search.feed import Feed, PostgresFeed
from registry.search.filters import Filters
from registry.search.index import SearchIndex
from registry.search.pages import as_table
from registry.search.request import Answer, Page, Request
from sql.connection import Connection

_WORDS = (
    "kafka http grpc postgres redis s3 email invoice payment order user session token image video audio text vector "
    "embedding feature model metric log trace event schema contract report billing shipping catalog price stock ticket "
    "chat search crawl feed news weather map route fleet sensor device firmware backup archive audit policy consent"
)
_DEEDS = (
    "consumer producer validator parser router gateway adapter loader writer reader indexer aggregator reducer splitter"
    " merger enricher classifier detector scorer ranker planner scheduler dispatcher notifier exporter importer monitor"
)
_THINGS, _DOES = _WORDS.split(" "), _DEEDS.split(" ")
_TYPES = ("effect", "compute", "reducer", "orchestrator")
_HEALTHS = (*["healthy"] * 7, "degraded", "unhealthy", "unknown")
_START = datetime(2025, 1, 1, tzinfo=UTC)


def node(node_id: str, name: str = "MyNode", *capabilities: str, **more: Any) -> NodeDocument:
    """Return a node with capabilities of these names."""
    given: dict[str, Any] = {"node_type": "effect", "version": "1.0.0"} | more
    return NodeDocument(
        node_id, name, capabilities=[{"name": name, "description": ""} for name in capabilities], **given
    )


def index_of(*documents: NodeDocument) -> SearchIndex:
    """Return an index that was filled with these nodes."""
    return SearchIndex(as_table(documents))


def ask(index: SearchIndex, query: str = "", *, start: int = 0, size: int = 100, **filters: Any) -> Answer:
    """Search by relevance."""
    return index.search(Request(query, Filters(**filters)), Page(start, size))


def ids(answer: Answer) -> list[str]:
    """Return the ids of a page, in order."""
    return [hit.document.node_id for hit in answer.hits]


def many_nodes(count: int, seed: int = 1) -> Iterator[NodeDocument]:
    """Yield believable nodes: few words are common, many are rare. The same seed gives the same nodes."""
    rng = random.Random(seed)
    weights = [1 / (place + 1) for place in range(len(_THINGS))]
    for number in range(count):
        first, second, *things = rng.choices(_THINGS, weights, k=10)
        does = rng.choice(_DOES)
        yield NodeDocument(
            node_id=f"{first}-{does}-{number:07d}",
            node_name=f"{first.title()}{second.title()}{does.title()}",
            node_type=rng.choice(_TYPES),
            version=f"{rng.randint(0, 4)}.{rng.randint(0, 12)}.{rng.randint(0, 9)}",
            capabilities=_capabilities(things, rng),
            endpoints={"http": {"url": f"http://10.0.0.{number % 250}:8080"}},
            health_status=rng.choice(_HEALTHS),
            registered_at=_START + timedelta(seconds=number),
            last_heartbeat=None if number % 10 == 0 else _START + timedelta(days=200, seconds=number % 3600),
            metadata={
                "author": f"team-{rng.choice(_THINGS)}",
                "domain": rng.choice(("api", "ml", "data")),
                "deployment": rng.choice(("production", "staging")),
                "region": rng.choice(("eu-west-1", "us-east-2")),
            },
        )


def _capabilities(things: Sequence[str], rng: random.Random) -> list[dict[str, str]]:
    pairs = [pair for pair in zip(things[:4], things[4:], strict=False) if rng.random() < 0.7]
    named = {f"{thing}_{rng.choice(_DOES)}": other for thing, other in pairs}
    return [
        {
            "name": name,
            "description": f"{name.split('_')[1].title()} of {other} data for {rng.choice(_THINGS)} requests",
        }
        for name, other in named.items()
    ]


_COLUMNS = (
    "node_id, node_name, node_type, version, capabilities, endpoints, health_status, last_heartbeat, "
    "registration_timestamp, metadata"
)


def write(connection: Connection, documents: Iterable[NodeDocument]) -> None:
    """Write nodes into the registry's table, as any other process might."""
    with connection.cursor() as cursor:
        cursor.executemany(
            f"INSERT INTO registered_nodes ({_COLUMNS}) VALUES (%s, %s, %s, %s, %s, %s, %s, %s, %s, %s) "
            "ON CONFLICT (node_id) DO UPDATE SET node_name = excluded.node_name, version = excluded.version, "
            "capabilities = excluded.capabilities, metadata = excluded.metadata",
            [_row(document) for document in documents],
        )


def copy(connection: Connection, documents: Iterable[NodeDocument]) -> None:
    """Write many new nodes at once."""
    with connection.cursor().copy(f"COPY registered_nodes ({_COLUMNS}) FROM STDIN") as rows:
        for document in documents:
            rows.write_row(_row(document))


def _row(document: NodeDocument) -> tuple[Any, ...]:
    return (
        document.node_id,
        document.node_name,
        document.node_type,
        document.version,
        json.dumps(list(document.capabilities)),
        json.dumps(document.endpoints),
        document.health_status,
        document.last_heartbeat,
        document.registered_at,
        json.dumps(document.metadata),
    )


class PostgresNodes:
    """A registry of which only the table is used."""

    def __init__(self, url: str) -> None:
        self._url = url

    def open_feed(self) -> Feed:
        """See `SearchableRegistry`."""
        return PostgresFeed(self._url)
