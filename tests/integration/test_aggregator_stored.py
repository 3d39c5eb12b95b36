"""The aggregator with persistence: nothing is lost or doubled when the database is away."""

from dataclasses import replace
from pathlib import Path
from uuid import uuid4

import pytest

from ingest.lake import open_lake
from ingest.promote import promote
from omninode.process import free_port
from omninode.settings import Settings
from pipelines import CodegenMetricsAggregator, ModelNodeGenerationCompleted
from pipelines.event_store import StoredEvents
from sql.errors import CannotConnect
from tests.lakes import read_events
from tests.statistics import all_statistics


def totals(url: str) -> set[int]:
    """How many generations each strategy and window adds up to."""
    return {sum(row["total_generations"] for row in rows) for rows in all_statistics(url).values()}


async def test_events_stay_while_the_database_is_away(tmp_path: Path, database_url: str) -> None:
    """A flush that fails keeps its events; the next one that works counts each once, with those that came since."""
    nobody = f"postgresql://u@127.0.0.1:{free_port()}/d"
    settings = Settings(home=tmp_path, postgres_url=nobody, lake=str(tmp_path / "lake"))
    aggregator = CodegenMetricsAggregator(enable_postgres_persistence=True, settings=settings)
    await aggregator.process_event(ModelNodeGenerationCompleted(workflow_id=uuid4()))
    with pytest.raises(CannotConnect):
        await aggregator.flush()
    assert (await aggregator.get_metrics())["aggregation_buffer_size"] == 1

    store = aggregator._store
    assert isinstance(store, StoredEvents)
    store._settings = replace(settings, postgres_url=database_url)
    await aggregator.process_event(ModelNodeGenerationCompleted(workflow_id=uuid4()))
    await aggregator.close()

    assert totals(database_url) == {2}


async def test_two_aggregators_add_up(tmp_path: Path, database_url: str) -> None:
    """Aggregators on one lake and one database count all events together, and the same event only once."""
    settings = Settings(home=tmp_path, postgres_url=database_url, lake=str(tmp_path / "lake"))
    shared = ModelNodeGenerationCompleted(workflow_id=uuid4(), event_id="the same")
    for _ in range(2):
        async with CodegenMetricsAggregator(enable_postgres_persistence=True, settings=settings) as aggregator:
            await aggregator.process_event(ModelNodeGenerationCompleted(workflow_id=uuid4()))
            await aggregator.process_event(shared)
    assert totals(database_url) == {3}


async def test_column_that_comes_in_between_is_filled(tmp_path: Path, database_url: str) -> None:
    """An aggregator that has the lake open fills a field's column from its promotion on, and loses nothing over it."""
    settings = Settings(home=tmp_path, postgres_url=database_url, lake=str(tmp_path / "lake"))
    async with CodegenMetricsAggregator(enable_postgres_persistence=True, settings=settings) as aggregator:
        for team in ("core", "edge"):
            event = {"workflow_id": uuid4(), "team": team}
            await aggregator.process_event(ModelNodeGenerationCompleted.model_validate(event))
            await aggregator.flush()
            promote(open_lake(settings.lake), "team", "text")
    assert totals(database_url) == {2}
    assert sorted(read_events(settings.lake)["team"].drop_nulls()) == ["edge"]
