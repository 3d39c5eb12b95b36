# mypy: disable-error-code="arg-type"
"""The guide's first snippet, as it stands there but for its import line."""

import asyncio
from pathlib import Path
from uuid import UUID, uuid4

import pytest

from pipelines import (
    CodegenMetricsAggregator,
    EnumDomain,
    EnumNodeType,
    ModelNodeGenerationCompleted,
)
from tests.postgres import state_folder
from tests.statistics import statistics_of


async def snippet(workflow_id: UUID) -> CodegenMetricsAggregator:
    """Run the snippet; its aggregator is returned so that the test can look into it."""
    # fmt: off
    # Initialize aggregator
    aggregator = CodegenMetricsAggregator(
        max_buffer_size=10000,
        flush_interval_seconds=60,
        enable_postgres_persistence=True,
    )

    # Process generation event
    completion_event = ModelNodeGenerationCompleted(
        workflow_id=workflow_id,
        node_type=EnumNodeType.EFFECT,
        domain=EnumDomain.API,
        total_duration_seconds=2.5,
        quality_score=0.88,
        total_tokens=1200,
        total_cost_usd=0.12,
    )

    await aggregator.process_event(completion_event)

    # Get metrics
    metrics = await aggregator.get_metrics()
    print(f"Events processed: {metrics['events_processed_total']}")
    print(f"Active workflows: {metrics['active_workflows']}")
    # fmt: on
    return aggregator


def test_guides_snippet_runs(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    """With nothing set but the home, the snippet counts its event, and its rows stand in Postgres when it is closed."""
    with state_folder() as home:
        monkeypatch.setenv("OMNINODE_HOME", str(home))
        for name in ("OMNINODE_POSTGRES_URL", "OMNINODE_LAKE"):
            monkeypatch.delenv(name, raising=False)

        async def run() -> None:
            aggregator = await snippet(uuid4())
            await aggregator.close()

        asyncio.run(run())

        assert capsys.readouterr().out == "Events processed: 1\nActive workflows: 0\n"
        tables = statistics_of(home)
    assert len(tables) == 16
    for (_, by), rows in tables.items():
        group = {"node_type_grouping": "effect", "quality_buckets": "high", "domain_grouping": "api"}.get(by, "all")
        assert [(row["group_key"], row["successful_generations"], row["success_rate"]) for row in rows] == [
            (group, 1, 1)
        ]
        assert rows[0]["cost_statistics"]["total_cost_usd"] == 0.12


def test_forgotten_close_loses_nothing_that_was_flushed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A program that flushes and just ends leaves its rows in Postgres and no server behind."""
    with state_folder() as home:
        monkeypatch.setenv("OMNINODE_HOME", str(home))

        async def run() -> int:
            aggregator = await snippet(uuid4())
            rows = await aggregator.flush()
            del aggregator
            return len(rows)

        assert asyncio.run(run()) == 16
        assert all(statistics_of(home).values())
        assert not list(home.rglob("postmaster.pid"))
