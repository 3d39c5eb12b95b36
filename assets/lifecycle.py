"""The lifecycle of workflows as an asset: what the lake's events say, in Postgres."""

from dataclasses import asdict

import dagster as dg

from assets.columns import column_schema
from assets.lifecycle_metadata import lifecycle_metadata
from assets.names import EVENTS, GROUP, LIFECYCLE, OWNERS
from ingest.lake import Lake
from pipelines.lifecycle.replay import LifecycleReplay
from pipelines.lifecycle.schema import TRANSITIONS
from sql.lifecycle_events import LifecycleEvents
from sql.lifecycle_reports import LifecycleReports
from sql.metric_store import MetricStore


class LifecycleConfig(dg.Config):
    """What the launchpad asks for."""

    #: Every workflow of the lake, not only those that changed.
    everything: bool = False


@dg.asset(
    key=LIFECYCLE,
    description=(
        "Where every workflow stands (`workflow_state_current`) and how it got there (`workflow_state_history`), as "
        "the lake's events tell it. Materialising it brings in the workflows that changed; again changes nothing. "
        "Beside it: who is stuck, time in state, states over a week, illegal paths, retries and their outcome."
    ),
    deps=[EVENTS],
    group_name=GROUP,
    owners=OWNERS,
    kinds={"polars", "postgres"},
    metadata={"dagster/table_name": "workflow_state_history", "dagster/column_schema": column_schema(TRANSITIONS)},
)
def workflow_lifecycle(
    config: LifecycleConfig, lake: dg.ResourceParam[Lake], metric_store: dg.ResourceParam[MetricStore]
) -> dg.MaterializeResult[None]:
    """Bring the tables up to the lake."""
    replay = LifecycleReplay(lake, LifecycleEvents(metric_store.source))
    report = replay.replay() if config.everything else replay.refresh()
    return dg.MaterializeResult(
        metadata={
            "looked_at": report.looked_at,
            "seconds": round(report.seconds, 3),
            "lake_version": report.lake_version,
            **asdict(report.brought),
            **lifecycle_metadata(LifecycleReports(metric_store.source)),
        }
    )


@dg.asset_check(
    asset=LIFECYCLE,
    name="histories_lead_to_states",
    description=(
        "Every workflow stands where its accepted transitions lead, their numbers have no gap, and each begins where "
        "the one before it ended, and no earlier."
    ),
)
def histories_lead_to_states(metric_store: dg.ResourceParam[MetricStore]) -> dg.AssetCheckResult:
    """Follow every history."""
    broken = LifecycleReports(metric_store.source).broken_histories()
    first = [str(row["workflow_id"]) for row in broken[:20]]
    return dg.AssetCheckResult(passed=not broken, metadata={"broken": len(broken), "first_broken": first})


lifecycle_schedule = dg.ScheduleDefinition(
    name="workflow_lifecycle_schedule",
    description="Bring in what events say of workflows, and follow every history.",
    target=dg.AssetSelection.assets(LIFECYCLE) | dg.AssetSelection.checks_for_assets(LIFECYCLE),
    cron_schedule="*/15 * * * *",
    execution_timezone="UTC",
    default_status=dg.DefaultScheduleStatus.STOPPED,
)
