"""The lifecycle as Prometheus and Dagster see it."""

from pathlib import Path

import dagster as dg
from prometheus_client import CollectorRegistry, generate_latest

from assets.lifecycle import histories_lead_to_states, workflow_lifecycle
from ingest.lake import open_lake
from pipelines.lifecycle.metrics import LifecycleCollector
from sql.connection import connect, open_pool
from sql.lifecycle_reports import LifecycleReports
from sql.metric_store import MetricStore
from tests.events import completed, started
from tests.lakes import append_rows

WORKFLOWS = ["3398727c-4860-5937-ad53-09dc1c9e8025", "3398727c-4860-5937-ad53-09dc1c9e8026"]


def test_a_run_brings_events_in_and_the_metrics_show_them(database_url: str, tmp_path: Path) -> None:
    """The asset's numbers, its check, and the three metrics tell the same; a broken history fails the check."""
    lake = open_lake(str(tmp_path / "lake"))
    append_rows(lake, [started(WORKFLOWS[0]), completed(WORKFLOWS[1])], name="one")
    with open_pool(database_url, max_size=4) as pool:
        resources = {"lake": lake, "metric_store": MetricStore(pool)}
        for written in (5, 0):
            run = dg.materialize([workflow_lifecycle, histories_lead_to_states], resources=resources)
            (materialization,) = run.asset_materializations_for_node("workflow_lifecycle")
            assert materialization.metadata["transitions"].value == written
            assert materialization.metadata["active_workflows"].value == 1
            assert [evaluation.passed for evaluation in run.get_asset_check_evaluations()] == [True]
        registry = CollectorRegistry()
        registry.register(LifecycleCollector(LifecycleReports(pool), least_seconds=0))
        page = generate_latest(registry).decode()
    for line in (
        'workflow_state_transitions_total{from_state="PENDING",outcome="accepted",to_state="ANALYZING"} 2.0',
        'workflow_state_count{state="COMPLETED"} 1.0',
        "active_workflows_count 1.0",
    ):
        assert line in page
    with connect(database_url) as connection:
        connection.execute("UPDATE workflow_state_current SET current_state = 'FAILED' WHERE NOT is_terminal")
        assert len(LifecycleReports(connection).broken_histories()) == 1
