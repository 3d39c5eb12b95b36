"""The window statistics as partitioned assets: a run computes exactly the windows of its partitions."""

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any

import dagster as dg

from assets.columns import column_schema
from assets.names import EVENTS, GROUP, OWNERS, statistics_key
from assets.partitions import key_of, partitions_of, windows_of_keys
from ingest.lake import Lake
from pipelines.enums import EnumAggregationType, EnumWindowType
from pipelines.refresh import Refresher, RefreshReport
from pipelines.windows import Window
from sql.metric_rows import METRIC_ROWS
from sql.metric_store import MetricStore

_TABLE = "codegen_metrics_aggregated"


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
        metadata={"dagster/table_name": _TABLE, "dagster/column_schema": column_schema(METRIC_ROWS)},
    )
    def statistics(
        context: dg.AssetExecutionContext, lake: dg.ResourceParam[Lake], metric_store: dg.ResourceParam[MetricStore]
    ) -> dg.MaterializeResult[None]:
        windows = windows_of_keys(window_type, context.partition_keys)
        report = Refresher(lake, metric_store).refresh_windows({window_type: windows})
        for key, numbers in partition_metadata(metric_store, windows).items():
            context.add_asset_metadata(numbers, partition_key=key)
        return dg.MaterializeResult(metadata=run_metadata(report, len(windows)))

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
