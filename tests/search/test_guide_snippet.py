"""The guide's fourth snippet, as it stands there but for its import lines."""

import pytest

from registry import EnumHealthStatus, EnumNodeType, EnumSortBy, EnumSortOrder, ModelSearchQuery, SearchAPI
from registry.search.document import NodeDocument
from registry.search_api import ModelNode, SearchableRegistry
from sql.connection import Connection
from tests.search.nodes import PostgresNodes, node, write


async def snippet(registry: SearchableRegistry) -> tuple[list[ModelNode], ...]:
    """Run the snippet; what it found is returned so that the test can look at it."""
    # fmt: off
    # Initialize search API
    search_api = SearchAPI(registry_service=registry)

    # Full-text search
    query = ModelSearchQuery(
        query="API endpoint",
        node_type=EnumNodeType.EFFECT,
        health_status=EnumHealthStatus.HEALTHY,
        page=1,
        page_size=10,
        sort_by=EnumSortBy.RELEVANCE,
        sort_order=EnumSortOrder.DESC,
    )

    response = await search_api.search(query)

    print(f"Found {response.total_count} nodes ({response.total_pages} pages)")
    for result in response.results:
        print(f"  {result.node_name} (relevance: {result.relevance_score:.2f})")
        print(f"    Type: {result.node_type}, Health: {result.health_status}")
        print(f"    Capabilities: {[c['name'] for c in result.capabilities]}")

    # Discover by capability
    nodes_with_kafka = await search_api.discover_by_capability("kafka_consumer")

    # Discover by type
    orchestrators = await search_api.discover_by_type(EnumNodeType.ORCHESTRATOR)

    # Get healthy nodes by type
    healthy_effects = await search_api.get_healthy_nodes_by_type(EnumNodeType.EFFECT)
    # fmt: on
    search_api.close()
    return nodes_with_kafka, orchestrators, healthy_effects


async def test_guides_snippet_runs(database: Connection, database_url: str, capsys: pytest.CaptureFixture[str]) -> None:
    """It finds the node of the guide's third snippet, and prints it."""
    registered = NodeDocument(
        node_id="my-effect-node-001",
        node_name="MyEffectNode",
        node_type="effect",
        version="1.0.0",
        capabilities=[
            {"name": "http_api", "description": "HTTP API endpoint for external requests"},
            {"name": "data_validation", "description": "Input data validation"},
        ],
        health_status="healthy",
        metadata={"author": "my-team", "domain": "api", "deployment": "production"},
    )
    write(database, [registered, node("k", "Reader", "kafka_consumer", node_type="orchestrator")])
    nodes_with_kafka, orchestrators, healthy_effects = await snippet(PostgresNodes(database_url))
    printed = capsys.readouterr().out.splitlines()
    assert printed[0] == "Found 1 nodes (1 pages)"
    assert printed[1].startswith("  MyEffectNode (relevance: 0.")
    assert printed[2:] == [
        "    Type: effect, Health: healthy",
        "    Capabilities: ['http_api', 'data_validation']",
    ]
    assert [found.node_id for found in nodes_with_kafka] == ["k"]
    assert [found.node_id for found in orchestrators] == ["k"]
    assert [found.node_id for found in healthy_effects] == ["my-effect-node-001"]
