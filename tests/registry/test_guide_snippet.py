# mypy: disable-error-code="arg-type"
"""The guide's third and fourth snippets, one after the other, as they stand there but for their import lines."""

import asyncio
from collections.abc import Callable
from typing import Any

import pytest

from registry import (
    EnumHealthStatus,
    EnumNodeType,
    EnumSortBy,
    EnumSortOrder,
    ModelCapability,
    ModelNodeIntrospection,
    ModelNodeQueryInput,
    ModelNodeRegistrationInput,
    ModelSearchQuery,
    NodeRegistryService,
    SearchAPI,
)
from registry.search_api import ModelNode
from tests.postgres import state_folder


async def third(registry: NodeRegistryService) -> None:
    """Run the third snippet up to its last line."""
    # fmt: off
    # Register node
    node_introspection = ModelNodeIntrospection(
        node_id="my-effect-node-001",
        node_name="MyEffectNode",
        node_type=EnumNodeType.EFFECT,
        version="1.0.0",
        capabilities=[
            ModelCapability(
                name="http_api",
                description="HTTP API endpoint for external requests"
            ),
            ModelCapability(
                name="data_validation",
                description="Input data validation"
            ),
        ],
        metadata={
            "author": "my-team",
            "domain": "api",
            "deployment": "production",
        },
    )

    result = await registry.register_node(
        ModelNodeRegistrationInput(node_introspection=node_introspection)
    )

    if result.success:
        print(f"Node registered: {result.registration_result.node_id}")
        print(f"Consul: {result.registration_result.consul_registered}")
        print(f"PostgreSQL: {result.registration_result.postgres_registered}")
    else:
        print(f"Registration failed: {result.error_message}")

    # Update health
    await registry.update_node_health("my-effect-node-001", EnumHealthStatus.HEALTHY)

    # Query nodes
    query_result = await registry.query_nodes(
        ModelNodeQueryInput(
            query_filters={
                "node_type": "effect",
                "capability": "http_api",
                "health_status": "healthy",
            }
        )
    )

    print(f"Found {query_result.total_count} nodes")
    for node in query_result.nodes:
        print(f"  - {node['node_name']} ({node['version']})")
    # fmt: on


async def fourth(registry: NodeRegistryService) -> tuple[list[ModelNode], ...]:
    """Run the fourth snippet; what it found is returned so that the test can look at it."""
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


async def both(make: Callable[[], NodeRegistryService]) -> tuple[list[str], bool]:
    """Run both, then the last line of the third; return the healthy effects found and whether anything is left."""
    registry = make()
    await third(registry)
    _, _, healthy = await fourth(registry)
    # Deregister node
    await registry.deregister_node("my-effect-node-001")
    left = await registry.get_all_nodes()
    await registry.close()
    return [node.node_id for node in healthy], bool(left)


def _printed(is_durable: bool) -> list[str]:
    return [
        "Node registered: my-effect-node-001",
        "Consul: False",
        f"PostgreSQL: {is_durable}",
        "Found 1 nodes",
        "  - MyEffectNode (1.0.0)",
        "Found 1 nodes (1 pages)",
    ]


@pytest.mark.parametrize("parts", [{"enable_postgres": True, "enable_kafka": True}, {}])
def test_guides_snippets_run(
    parts: dict[str, Any], monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """With nothing set but the home: on embedded servers, which end with the registry, and in memory."""
    with state_folder() as home:
        monkeypatch.setenv("OMNINODE_HOME", str(home))
        for name in ("OMNINODE_POSTGRES_URL", "OMNINODE_KAFKA_BOOTSTRAP_SERVERS"):
            monkeypatch.delenv(name, raising=False)
        assert asyncio.run(both(lambda: NodeRegistryService(**parts))) == (["my-effect-node-001"], False)
        assert not [*home.rglob("postmaster.pid"), *home.rglob("broker.json")]
    printed = capsys.readouterr().out.splitlines()
    assert printed[:6] == _printed(bool(parts))
    assert printed[6].startswith("  MyEffectNode (relevance: 0.")
    assert printed[7:] == ["    Type: effect, Health: healthy", "    Capabilities: ['http_api', 'data_validation']"]
