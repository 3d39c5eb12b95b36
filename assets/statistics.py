"""The window statistics as partitioned assets: a run computes exactly the windows of its partitions."""

from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime
from typing import Any

import dagster as dg

from assets.automation import condition, freshness
from assets.columns import column_lineage, column_schema
from assets.names import EVENTS, GROUP, OWNERS, WINDOW_TAG, statistics_key
from assets.partitions import key_of, partitions_of, windows_of_keys
from ingest.lake import Lake
from pipelines.differences import RowChange
from pipelines.enums import EnumAggregationType, EnumWindowType
from pipelines.refresh import Refresher, RefreshReport
from pipelines.windows import Window
from sql.metric_rows import METRIC_ROWS
from sql.metric_store import MetricStore

_TABLE = "codegen_metrics_aggregated"
_SHOWN_CHANGES = 200


class StatisticsConfig(dg.Config):
    """What one may choose in the launchpad."""

    #: Write nothing: the run notes an observation that tells which rows would change, and by how much.
    dry_run: bool = False


def statistics_asset(window_type: EnumWindowType, first_day: datetime) -> dg.AssetsDefinition:
    """Make the asset of one window type; all partitions of a backfill are computed in one run."""

    @dg.asset(
        key=statistics_key(window_type),
        description=(
            f"The {window_type.value} windows of `{_TABLE}` by node type, quality bucket, domain and as a whole, "
            "computed from the lake with Polars. Materialising a partition replaces the rows of that window."
        ),
        partitions_def=partitions_of(window_type, first_day),
        backfill_policy=dg.BackfillPolicy.single_run(),
        deps=[EVENTS],
        group_name=GROUP,
        owners=OWNERS,
        kinds={"polars", "postgres"},
        metadata={
            "dagster/table_name": _TABLE,
            "dagster/column_schema": column_schema(METRIC_ROWS),
            "dagster/column_lineage": column_lineage(),
        },
        # The limit of a pool is one: two runs never write the same windows at once.
        pool=f"{window_type.value}_windows",
        op_tags={WINDOW_TAG: window_type.value},
        automation_condition=condition(window_type),
        freshness_policy=freshness(window_type),
        output_required=False,
    )
    def statistics(
        context: dg.AssetExecutionContext,
        config: StatisticsConfig,
        lake: dg.ResourceParam[Lake],
        metric_store: dg.ResourceParam[MetricStore],
    ) -> Iterator[dg.MaterializeResult[None] | dg.AssetObservation]:
        windows = windows_of_keys(window_type, context.partition_keys)
        report = Refresher(lake, metric_store).refresh_windows({window_type: windows}, dry_run=config.dry_run)
        if report.changes is not None:
            yield dg.AssetObservation(statistics_key(window_type), metadata=preview_metadata(report, report.changes))
            return
        for key, numbers in partition_metadata(metric_store, windows).items():
            context.add_asset_metadata(numbers, partition_key=key)
        yield dg.MaterializeResult(metadata=run_metadata(report, len(windows)))

    return statistics


def run_metadata(report: RefreshReport, windows: int) -> dict[str, int | float]:
    """Return the numbers of a whole refresh, to be plotted: rows by what became of them, and seconds."""
    rows = report.rows
    return {
        "windows": windows,
        "seconds": round(report.seconds, 3),
        "lake_version": report.lake_version,
        "rows_inserted": rows.inserted if rows else 0,
        "rows_updated": rows.updated if rows else 0,
        "rows_unchanged": rows.unchanged if rows else 0,
        "rows_deleted": rows.deleted if rows else 0,
        "rows_superseded": rows.superseded if rows else 0,
    }


def preview_metadata(report: RefreshReport, changes: Sequence[RowChange]) -> dict[str, Any]:
    """Return the numbers of a dry run, and the first of the changes that it found as a table."""
    records = [
        dg.TableRecord(
            {
                "row": change.outcome,
                "window": key_of(Window(EnumWindowType(change.window_type), change.window_start)),
                "group": f"{change.aggregation_type} {change.group_key}",
                "number": found.name,
                "before": str(found.before),
                "after": str(found.after),
            }
        )
        for change in changes
        for found in change.differences
    ][:_SHOWN_CHANGES]
    table = dg.MetadataValue.table(records) if records else "none"
    return run_metadata(report, report.window_count) | {"rows_that_would_change": len(changes), "changes": table}


def partition_metadata(store: MetricStore, windows: Sequence[Window]) -> dict[str, dict[str, int | float]]:
    """Return the numbers of each window that has any, by its partition's key. `windows` are of one type, in order."""
    if not windows:
        return {}
    window_type, wanted = windows[0].window_type, {window.start for window in windows}
    whole = EnumAggregationType.TIME_WINDOW.value
    rows = store.read_metrics(window_type.value, whole, windows[0].start, windows[-1].end)
    return {
        key_of(Window(window_type, row["window_start"])): _numbers(row) for row in rows if row["window_start"] in wanted
    }


def _numbers(row: Mapping[str, Any]) -> dict[str, int | float]:
    """Unknown is left out: 0 would be a claim."""
    known = {
        "generations": row["total_generations"],
        "success_rate": row["success_rate"],
        "p95_seconds": row["duration_statistics"]["p95_seconds"],
    }
    return {
        name: value if isinstance(value, int) else float(value) for name, value in known.items() if value is not None
    }
