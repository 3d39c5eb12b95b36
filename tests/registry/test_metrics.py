"""The registry on /metrics."""

from pathlib import Path

from prometheus_client import CollectorRegistry, generate_latest

from registry import NodeRegistryService
from registry.metrics import MAX_TYPES, RegistryCollector, families
from sql.connections import Connections
from sql.node_rows import NodeCount
from tests.registry.nodes import node


async def test_metrics_come_from_the_tables(database_url: str, tmp_path: Path) -> None:
    """Counts are those of all processes, past ones as well; the same registration again is none."""
    prometheus = CollectorRegistry()
    async with NodeRegistryService(
        enable_postgres=True, postgres_url=database_url, home=tmp_path, prometheus=prometheus
    ) as registry:
        for version in ("1.0.0", "1.0.0", "2.0.0"):
            await registry.register_nodes([node("a", version=version), node("b"), node("bad", version="x")])
        await registry.heartbeat("a")
    connections = Connections(database_url)
    prometheus.register(RegistryCollector(connections, consistency=lambda: 0.5, least_seconds=0.0))
    lines = generate_latest(prometheus).decode().splitlines()
    connections.close()
    assert "registrations_total 3.0" in lines
    assert "registrations_successful_total 3.0" in lines
    assert 'registered_nodes_total{health_status="healthy",node_type="effect"} 1.0' in lines
    assert 'registered_nodes_total{health_status="unknown",node_type="effect"} 1.0' in lines
    assert "consul_postgres_consistency 0.5" in lines
    assert "registration_duration_seconds_count 6.0" in lines


def test_a_database_that_is_away_leaves_the_latest_counts() -> None:
    """Before there are any, the names alone."""
    prometheus = CollectorRegistry()
    prometheus.register(RegistryCollector(Connections("postgresql://me@127.0.0.1:1/none"), least_seconds=0.0))
    assert generate_latest(prometheus) == b""


def test_types_are_capped() -> None:
    """The many types of few nodes are one series."""
    counts = [NodeCount(f"type-{number}", "healthy", 100 - number) for number in range(MAX_TYPES + 2)]
    samples = families(counts, {}, None)[2].samples
    assert len(samples) == MAX_TYPES + 1
    assert {sample.labels["node_type"]: sample.value for sample in samples}["other"] == 50 + 49
