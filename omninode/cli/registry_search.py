"""`omninode registry search` and `discover`: ask an index that is filled for it, and print."""

import asyncio
import json
import sys
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from datetime import datetime
from typing import Any

from omninode.cli.door import read_settings
from omninode.cli.output import Column, OutputFormat, Row, json_text, print_rows, print_table
from omninode.errors import BadInput
from pipelines.outcomes import lake_outcomes
from pipelines.parts import postgres
from registry.search.feed import Feed, PostgresFeed
from registry.search.index import Generation
from registry.search_api import SearchAPI
from registry.search_models import ModelNode, ModelSearchQuery, ModelSearchResponse

#: In a table, a list longer than this is cut.
_MOST_NAMES = 4


class _Registered:
    """The nodes in the database."""

    def __init__(self, url: str) -> None:
        self._url = url

    def open_feed(self) -> Feed:
        return PostgresFeed(self._url)


def run_search(query: ModelSearchQuery, *, node_type: str | None, output: OutputFormat) -> None:
    """Print a page of what is found; as JSON one object with counts and facets, which else go to standard error."""
    with _search() as api:
        answer = asyncio.run(api.search(_of_type(query, node_type)))
    if output is OutputFormat.JSON:
        # A snapshot ends with this process.
        sys.stdout.write(json_text(answer.model_dump(mode="json", exclude={"snapshot", "age_seconds"})) + "\n")
        return
    rows = _rows(answer.results, output)
    print_rows(rows, [*_COLUMNS, _SCORE], output, title=f"Nodes found for {query.query!r}" if query.query else "Nodes")
    if query.explain and output is OutputFormat.TABLE:
        print_table([_explained(row, word) for row in rows for word in row["explanation"]], _WHY, title="Why")
    sys.stderr.write(_counts(answer))


def run_discover(query: ModelSearchQuery, *, node_type: str | None, output: OutputFormat) -> None:
    """Print every node that matches."""
    with _search() as api:
        found = asyncio.run(api.discover(_of_type(query, node_type)))
    rows = _rows(found, output)
    if not rows:
        sys.stderr.write("omninode: no node matches\n")
    print_rows(rows, _COLUMNS, output, title=_nodes(len(rows)))


@contextmanager
def _search() -> Iterator[SearchAPI]:
    settings = read_settings()

    def outcomes(workflows: Any) -> Mapping[str, Generation]:
        found = lake_outcomes(settings.lake, settings.lake_options, workflows)
        return {workflow: Generation(*outcome) for workflow, outcome in found.items()}

    with postgres(settings) as url, SearchAPI(_Registered(url), outcomes) as api:
        yield api


def _of_type(query: ModelSearchQuery, node_type: str | None) -> ModelSearchQuery:
    if node_type is None:
        return query
    if not node_type.strip():
        raise BadInput("--type: is blank; write a node type such as effect")
    return query.model_copy(update={"node_type": node_type.strip().lower()})


def _rows(nodes: Sequence[ModelNode], output: OutputFormat) -> Sequence[Row]:
    rows = [node.model_dump(mode="json") for node in nodes]
    return [_flat(row) for row in rows] if output is OutputFormat.CSV else rows


def _flat(row: Row) -> Row:
    """What differs from node to node cannot have columns of its own: names between semicolons, the rest as JSON."""
    names = ";".join(capability["name"] for capability in row["capabilities"])
    kept = {name: value for name, value in row.items() if name not in ("highlights", "explanation")}
    return {**kept, "capabilities": names, **{name: json.dumps(row[name]) for name in ("endpoints", "metadata")}}


def _nodes(count: int) -> str:
    return f"{count:,} node{'' if count == 1 else 's'}"


def _counts(answer: ModelSearchResponse) -> str:
    if not answer.total_count:
        return "omninode: nothing was found; fewer words or filters find more\n"
    facets = "; ".join(f"{name} {_values(answer.facets[name])}" for name in ("node_type", "health_status"))
    page = f"page {answer.page} of {answer.total_pages}"
    return f"omninode: {_nodes(answer.total_count)}, {page}, in {answer.query_time_ms:.1f} ms; {facets}\n"


def _values(counts: Mapping[str, int]) -> str:
    return ", ".join(f"{value} {count:,}" for value, count in counts.items())


def _names(row: Row) -> str:
    names = [capability["name"] for capability in row["capabilities"]]
    more = f" and {len(names) - _MOST_NAMES} more" if len(names) > _MOST_NAMES else ""
    return ", ".join(names[:_MOST_NAMES]) + more


def _time(text: str | None) -> str:
    return "" if text is None else f"{datetime.fromisoformat(text):%Y-%m-%d %H:%M:%S}"


def _quality(row: Row) -> str:
    return "" if row["quality_score"] is None else f"{row['quality_score']:.2f}"


def _explained(row: Row, word: Mapping[str, Any]) -> Row:
    return {"node_id": row["node_id"], **word}


_COLUMNS = [
    Column("name", lambda row: str(row["node_name"]), is_number=False),
    Column("id", lambda row: str(row["node_id"]), is_number=False),
    Column("type", lambda row: str(row["node_type"]), is_number=False),
    Column("version", lambda row: str(row["version"]), is_number=False),
    Column("health", lambda row: str(row["health_status"]), is_number=False),
    Column("capabilities", _names, is_number=False),
    Column("last heartbeat", lambda row: _time(row["last_heartbeat"]), is_number=False),
    Column("quality", _quality),
]
_SCORE = Column("relevance", lambda row: f"{row['relevance_score']:.2f}")
_WHY = [
    Column("id", lambda row: str(row["node_id"]), is_number=False),
    Column("word", lambda row: str(row["word"]), is_number=False),
    Column("found as", lambda row: f"{row['term']} ({row['how']})", is_number=False),
    Column("in", lambda row: ", ".join(row["shares"]), is_number=False),
    Column("weight", lambda row: f"{row['weight']:.3f}"),
    Column("x factor", lambda row: f"{row['factor']:.1f}"),
    Column("x idf", lambda row: f"{row['inverse_frequency']:.3f}"),
    Column("= score", lambda row: f"{row['score']:.3f}"),
    Column("of at most", lambda row: f"{row['most']:.3f}"),
]
