"""`omninode registry search` and `discover`: their options."""

from typing import Annotated

import typer

from omninode.cli.output import OutputFormat
from registry.enums import EnumHealthStatus
from registry.search.request import EnumSortBy, EnumSortOrder

NodeType = Annotated[str | None, typer.Option("--type", help="Only nodes of this type, e.g. effect.")]
Health = Annotated[EnumHealthStatus | None, typer.Option("--health", help="Only nodes of this health.")]
Capability = Annotated[str | None, typer.Option(help="Only nodes with the capability of exactly this name.")]
Version = Annotated[str | None, typer.Option(help="One version or a range: 1.2.0, ^1.2, ~1.2, 1.2.x, '>=1,<2'.")]
QualityMin = Annotated[
    float | None, typer.Option(min=0, max=1, help="Only nodes generated with at least this quality.")
]
SortBy = Annotated[EnumSortBy, typer.Option(help="What to order by.")]
SortOrder = Annotated[EnumSortOrder | None, typer.Option(help="Which end comes first; names from A by default.")]
Format = Annotated[OutputFormat, typer.Option("--format", help="How to print.")]


def add_search_commands(registry: typer.Typer) -> None:
    """Add both commands to `omninode registry`."""
    registry.command()(search)
    registry.command()(discover)


def search(
    query: Annotated[str, typer.Argument(help="Words that must all match; without any, all nodes.")] = "",
    node_type: NodeType = None,
    health: Health = None,
    capability: Capability = None,
    version: Version = None,
    quality_min: QualityMin = None,
    sort_by: SortBy = EnumSortBy.RELEVANCE,
    sort_order: SortOrder = None,
    page: Annotated[int, typer.Option(min=1, help="Which page.")] = 1,
    page_size: Annotated[int, typer.Option(min=1, max=1000, help="How many nodes a page has.")] = 20,
    explain: Annotated[bool, typer.Option("--explain", help="Print how each score came about.")] = False,
    output: Format = OutputFormat.TABLE,
) -> None:
    """Find nodes by words in names, capabilities and metadata, the best first."""
    from omninode.cli.registry_search import run_search
    from registry.search_models import ModelSearchQuery

    asked = ModelSearchQuery(
        query=query,
        health_status=health,
        capability=capability,
        version=version,
        quality_score_min=quality_min,
        sort_by=sort_by,
        sort_order=sort_order,
        page=page,
        page_size=page_size,
        explain=explain,
    )
    run_search(asked, node_type=node_type, output=output)


def discover(
    node_type: NodeType = None,
    capability: Capability = None,
    health: Health = None,
    version: Version = None,
    quality_min: QualityMin = None,
    output: Format = OutputFormat.TABLE,
) -> None:
    """Print every node of a type, with a capability, of a health: no pages, ordered by name."""
    from omninode.cli.registry_search import run_discover
    from registry.search_models import ModelSearchQuery

    asked = ModelSearchQuery(
        health_status=health,
        capability=capability,
        version=version,
        quality_score_min=quality_min,
        sort_by=EnumSortBy.NAME,
    )
    run_discover(asked, node_type=node_type, output=output)
