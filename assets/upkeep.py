"""Upkeep of the lake: small files merged, old versions let go. Both run by themselves, beside ingest."""

from collections.abc import Mapping, Sequence
from dataclasses import asdict

import dagster as dg

from assets.environment import read_settings
from assets.names import COMPACTION, EVENTS, GROUP, OWNERS, RETENTION
from ingest.compaction import Compacted, Compaction
from ingest.lake import Lake, open_lake
from ingest.retention import Expired, Retention
from ingest.row_counts import row_counts

#: One of these runs at a time. Two would do no harm, the second would only do its work for nothing.
POOL = "lake_upkeep"
_TABLES = ["events", "dead_letters"]


@dg.asset(
    key=COMPACTION,
    description=(
        "Small files of the lake's tables merged into large ones, sorted by time. Each merged file is read back and "
        "compared with the files that it replaces (rows, and a hash of all columns) before it takes their place."
    ),
    deps=[EVENTS],
    group_name=GROUP,
    owners=OWNERS,
    kinds={"deltalake", "parquet", "polars"},
    pool=POOL,
)
def lake_compaction(lake: dg.ResourceParam[Lake]) -> dg.MaterializeResult[None]:
    """Merge for two minutes at most; the next run goes on."""
    return dg.MaterializeResult(metadata=numbers(Compaction(lake).run()))


@dg.asset(
    key=RETENTION,
    description=(
        "Files and log entries that no version of the lake within OMNINODE_LAKE_RETENTION needs, removed; "
        "files that were never committed, too, once they are as old."
    ),
    deps=[EVENTS, COMPACTION],
    group_name=GROUP,
    owners=OWNERS,
    kinds={"deltalake", "parquet"},
    pool=POOL,
)
def lake_retention(lake: dg.ResourceParam[Lake]) -> dg.MaterializeResult[None]:
    """Remove what is old enough."""
    return dg.MaterializeResult(metadata=numbers(Retention(lake, read_settings().lake_retention).run()))


@dg.asset_check(
    asset=COMPACTION,
    name="row_counts_agree",
    description="The files of both tables hold as many rows as the lake's log counts at the same version.",
)
def row_counts_agree(lake: dg.ResourceParam[Lake]) -> dg.AssetCheckResult:
    """Read the footer of every file."""
    counts = {table: row_counts(lake, table) for table in _TABLES}
    metadata = {f"{table}_{name}": number for table, count in counts.items() for name, number in asdict(count).items()}
    return dg.AssetCheckResult(passed=all(count.agree for count in counts.values()), metadata=metadata)


def numbers(tables: Sequence[Compacted | Expired]) -> Mapping[str, int | float]:
    """Return the numbers of each table under names of their own, to be plotted."""
    return {
        f"{table.table}_{name}": value
        for table in tables
        for name, value in asdict(table).items()
        if isinstance(value, int | float)
    }


def _if_due(_: dg.ScheduleEvaluationContext) -> dg.RunRequest | dg.SkipReason:
    settings = read_settings()
    is_due = Compaction(open_lake(settings.lake, settings.lake_options)).is_due()
    return dg.RunRequest() if is_due else dg.SkipReason("there are not enough small files to merge")


#: On by themselves: without them every commit of ingest is slower than the one before.
UPKEEP_SCHEDULES = [
    dg.ScheduleDefinition(
        name="lake_compaction_schedule",
        description="Merge the lake's small files, if there are enough of them.",
        target=dg.AssetSelection.assets(COMPACTION) | dg.AssetSelection.checks_for_assets(COMPACTION),
        cron_schedule="*/5 * * * *",
        execution_timezone="UTC",
        execution_fn=_if_due,
        default_status=dg.DefaultScheduleStatus.RUNNING,
    ),
    dg.ScheduleDefinition(
        name="lake_retention_schedule",
        description="Remove what no version of the lake within OMNINODE_LAKE_RETENTION needs.",
        target=dg.AssetSelection.assets(RETENTION),
        cron_schedule="50 * * * *",
        execution_timezone="UTC",
        default_status=dg.DefaultScheduleStatus.RUNNING,
    ),
]
