"""Checks of what stands in Postgres, read again after the run has written it."""

from collections.abc import Sequence
from datetime import datetime, timedelta
from itertools import chain

import dagster as dg

from assets.contradictions import contradictions
from assets.names import statistics_key
from assets.partitions import windows_of_keys
from ingest.lake import Lake
from pipelines.enums import EnumAggregationType, EnumWindowType
from pipelines.windows import Window
from sql.metric_rows import Metric
from sql.metric_store import MetricStore

_SHOWN = 20


def statistics_check(window_type: EnumWindowType) -> dg.AssetChecksDefinition:
    """Make the check of one window type: over the partitions of its run, or over all rows if it runs alone."""

    @dg.asset_check(
        asset=statistics_key(window_type),
        name=f"{window_type.value}_rows_agree",
        description=(
            "In every window the groups of all four strategies add up to the same counts, tokens and costs, "
            "and every row was made from this lake, at a version that it has."
        ),
    )
    def rows_agree(
        context: dg.AssetCheckExecutionContext,
        lake: dg.ResourceParam[Lake],
        metric_store: dg.ResourceParam[MetricStore],
    ) -> dg.AssetCheckResult:
        windows = run_windows(context, window_type)
        rows = read_rows(metric_store, window_type, [window.start for window in windows])
        lake.refresh()
        found = contradictions(rows, lake_id=lake.lake_id, lake_version=lake.version)
        return dg.AssetCheckResult(
            passed=not found,
            metadata={
                "rows": len(rows),
                "contradictions": len(found),
                "first_contradictions": found[:_SHOWN],
                "lake_version": lake.version,
            },
        )

    return rows_agree


def read_rows(store: MetricStore, window_type: EnumWindowType, starts: Sequence[datetime]) -> list[Metric]:
    """Return the rows of all strategies of the windows that start then; of all windows if none is given."""
    wanted = set(starts)
    first, end = (min(wanted), max(wanted) + timedelta(microseconds=1)) if wanted else (None, None)
    with store.transaction() as reading:
        rows = chain.from_iterable(
            reading.read_metrics(window_type.value, strategy.value, first, end) for strategy in EnumAggregationType
        )
        return [row for row in rows if not wanted or row["window_start"] in wanted]


def run_windows(context: dg.AssetCheckExecutionContext, window_type: EnumWindowType) -> list[Window]:
    """Return the windows of the run's partitions; none if the check runs alone."""
    return windows_of_keys(window_type, context.partition_keys if _is_partitioned(context) else [])


def _is_partitioned(context: dg.AssetCheckExecutionContext) -> bool:
    return bool(context.has_partition_key or context.has_partition_key_range)
