"""The lifecycle as Prometheus and Dagster see it."""

from pathlib import Path
from typing import Any

import dagster as dg
from prometheus_client import CollectorRegistry, generate_latest

from assets.lifecycle import histories_lead_to_states, workflow_lifecycle
from ingest.lake import open_lake
from pipelines.lifecycle.metrics import LifecycleCollector
from sql.connection import connect, open_pool
from sql.lifecycle_reports import LifecycleReports
from sql.metric_store import MetricStore
from tests.events import completed, failed, started
from tests.lakes import append_rows

WORKFLOWS = ["3398727c-4860-5937-ad53-09dc1c9e8025", "3398727c-4860-5937-ad53-09dc1c9e8026"]


def records(table: dg.MetadataValue[Any]) -> list[dict[str, Any]]:
    """The rows of a table in the UI."""
    assert isinstance(table, dg.TableMetadataValue)
    return [dict(record.data) for record in table.records]


def test_a_run_brings_events_in_and_the_metrics_show_them(database_url: str, tmp_path: Path) -> None:
    """The asset's numbers and tables, its check and the metrics tell the same; a broken history fails the check."""
    lake = open_lake(str(tmp_path / "lake"))
    retried = [failed(WORKFLOWS[1], at="2025-10-23T12:00:00"), completed(WORKFLOWS[1], attempt=2)]
    append_rows(lake, [started(WORKFLOWS[0]), *retried], name="one")
    with open_pool(database_url, max_size=4) as pool:
        resources = {"lake": lake, "metric_store": MetricStore(pool)}
        for written in (7, 0):
            run = dg.materialize([workflow_lifecycle, histories_lead_to_states], resources=resources)
            (materialization,) = run.asset_materializations_for_node("workflow_lifecycle")
            said = materialization.metadata
            assert said["transitions"].value == written
            assert [evaluation.passed for evaluation in run.get_asset_check_evaluations()] == [True]
        registry = CollectorRegistry()
        registry.register(LifecycleCollector(LifecycleReports(pool), least_seconds=0))
        page = generate_latest(registry).decode()
    numbers = ["active_workflows", "stuck_workflows", "retried_workflows", "retried_succeeded", "retried_failed"]
    assert [said[name].value for name in numbers] == [1, 1, 1, 1, 0]
    assert [
        (row["attempt"], row["succeeded"], row["failed"], row["open"]) for row in records(said["retry_outcomes"])
    ] == [
        (1, 0, 1, 1),
        (2, 1, 0, 0),
    ]
    assert [(row["workflow_id"], row["limit_by"]) for row in records(said["longest_stuck"])] == [
        (WORKFLOWS[0], "otherwise")
    ]
    days = records(said["state_distribution"])
    assert [(row["at"][:10], row["FAILED"], row["COMPLETED"], row["ANALYZING"]) for row in days[-3:]] == [
        ("2025-10-22", 0, 0, 0),
        ("2025-10-23", 1, 0, 0),
        ("2025-10-24", 0, 1, 1),
    ]
    assert {row["state"] for row in records(said["time_in_state"])} >= {"PENDING", "FAILED"}
    assert said["illegal_paths"].value == "none"
    for line in (
        'workflow_state_transitions_total{from_state="PENDING",outcome="accepted",to_state="ANALYZING"} 2.0',
        'workflow_state_count{state="COMPLETED"} 1.0',
        "active_workflows_count 1.0",
    ):
        assert line in page
    with connect(database_url) as connection:
        connection.execute("UPDATE workflow_state_current SET current_state = 'FAILED' WHERE NOT is_terminal")
        assert len(LifecycleReports(connection).broken_histories()) == 1
