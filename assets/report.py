"""Tell Dagster what was refreshed outside of a run, so that its UI is right without a run a second."""

from collections.abc import Iterator

import dagster as dg

from assets.names import statistics_key
from assets.partitions import key_of
from assets.statistics import run_metadata
from pipelines.refresh import RefreshReport

#: An event costs some 12 ms: of a large refresh only the latest windows of each asset are reported.
MOST_PER_ASSET = 50


def report_refresh(instance: dg.DagsterInstance, report: RefreshReport) -> None:
    """Report a materialisation of each partition that the refresh touched, without a run.

    Of each asset, `MOST_PER_ASSET` at most: the latest. The metadata `windows` and `windows_reported` tell.
    """
    for materialization in materializations(report):
        instance.report_runless_asset_event(materialization)


def materializations(
    report: RefreshReport, *, description: str = "refreshed by the stream"
) -> Iterator[dg.AssetMaterialization]:
    """Yield what is reported of a refresh, oldest window first. The rows and seconds are those of the whole refresh."""
    for window_type, windows in report.windows.items():
        latest = sorted(windows)[-MOST_PER_ASSET:]
        metadata = run_metadata(report, len(windows)) | {"windows_reported": len(latest)}
        for window in latest:
            yield dg.AssetMaterialization(
                statistics_key(window_type),
                partition=key_of(window),
                metadata=metadata,
                description=description,
            )
