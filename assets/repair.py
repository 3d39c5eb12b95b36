"""Catch up with what the stream has missed: the same refresh, asked for by the lake's version or by hand."""

import json

import dagster as dg

from assets.environment import read_settings
from assets.names import TRIGGER_TAG
from assets.report import materializations
from ingest.lake import Lake, open_lake
from pipelines.refresh import Refresher
from sql.metric_store import MetricStore

JOB = "statistics_repair"
_SECONDS = 60


class RepairConfig(dg.Config):
    """What one may choose in the launchpad."""

    #: Log which rows would change, and by how much, and write none.
    dry_run: bool = False


@dg.op(name="refresh", pool=JOB, description="Compute the windows that changed in the lake since the last refresh.")
def _refresh(
    context: dg.OpExecutionContext,
    config: RepairConfig,
    lake: dg.ResourceParam[Lake],
    metric_store: dg.ResourceParam[MetricStore],
) -> None:
    report = Refresher(lake, metric_store).refresh(dry_run=config.dry_run)
    context.log.info(f"{report.window_count} windows to lake version {report.lake_version}: {report.rows}")
    if report.changes is not None:
        for change in report.changes[:100]:
            context.log.info(str(change))
        return
    for materialization in materializations(report, description="refreshed by the repair"):
        context.log_event(materialization)


@dg.job(
    name=JOB,
    description="Bring the statistics of all windows up to the lake: late data repairs the windows that hold it.",
    tags={TRIGGER_TAG: "repair"},
)
def statistics_repair() -> None:
    """Refresh once. Where the stream has done it already, there is nothing left to do."""
    _refresh()


def repair_sensor() -> dg.SensorDefinition:
    """Make the sensor. It is off until somebody turns it on: where the stream runs, it is not needed."""
    return dg.SensorDefinition(
        name="statistics_repair_sensor",
        job=statistics_repair,
        evaluation_fn=_look,
        minimum_interval_seconds=_SECONDS,
        default_status=dg.DefaultSensorStatus.STOPPED,
        description=(
            "Refresh once after the lake has moved on. Turn it on where ingest runs without the stream's refresh."
        ),
    )


def _look(context: dg.SensorEvaluationContext) -> dg.SensorResult | dg.SkipReason:
    """Ask for a run when the lake's version is another than the cursor's; the same version is asked for once."""
    settings = read_settings()
    lake = open_lake(settings.lake, settings.lake_options)
    cursor = json.dumps({"lake_id": lake.lake_id, "version": lake.version})
    if lake.version == 0 or context.cursor == cursor:
        return dg.SkipReason(f"the lake is still at version {lake.version}")
    request = dg.RunRequest(run_key=f"{lake.lake_id}:{lake.version}", tags={"omninode/lake_version": str(lake.version)})
    return dg.SensorResult(run_requests=[request], cursor=cursor)
