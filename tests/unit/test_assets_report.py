"""What Dagster is told of a refresh that was no run."""

from datetime import UTC, datetime, timedelta

import dagster as dg
import pytest

from assets.names import statistics_key
from assets.report import MOST_PER_ASSET, materializations, report_refresh
from pipelines.enums import EnumWindowType
from pipelines.refresh import RefreshReport
from pipelines.windows import windows_between
from sql.metric_store import ReplaceResult

pytestmark = pytest.mark.filterwarnings("ignore::dagster.BetaWarning")

START = datetime(2025, 10, 1, tzinfo=UTC)


def _report(hours: int) -> RefreshReport:
    end = START + timedelta(hours=hours)
    windows = {window_type: windows_between(START, end, window_type) for window_type in EnumWindowType}
    return RefreshReport(7, 0.25, windows, ReplaceResult(1, 2, 3, 4, 0))


def test_touched_partitions_are_materialised_with_their_numbers() -> None:
    """Each asset's partition carries what became of the rows, and the lake's version."""
    with dg.DagsterInstance.ephemeral(settings={"telemetry": {"enabled": False}}) as instance:
        report_refresh(instance, _report(hours=2))
        hourly = statistics_key(EnumWindowType.HOURLY)
        assert instance.get_materialized_partitions(hourly) == {"2025-10-01-00:00", "2025-10-01-01:00"}
        weekly = statistics_key(EnumWindowType.WEEKLY)
        assert instance.get_materialized_partitions(weekly) == {"2025-09-29"}
        event = instance.get_latest_materialization_event(hourly)
        assert event is not None
        assert event.asset_materialization is not None
        numbers = {name: value.value for name, value in event.asset_materialization.metadata.items()}
    assert numbers == {
        "windows": 2,
        "windows_reported": 2,
        "seconds": 0.25,
        "lake_version": 7,
        "rows_inserted": 1,
        "rows_updated": 2,
        "rows_unchanged": 3,
        "rows_deleted": 4,
        "rows_superseded": 0,
    }


def test_of_a_large_refresh_the_latest_windows_are_reported_and_the_rest_is_told() -> None:
    """A replay of months must not hold up the stream for minutes."""
    hourly = [event for event in materializations(_report(hours=200)) if event.asset_key.path[-1].startswith("hourly")]
    assert len(hourly) == MOST_PER_ASSET
    assert hourly[-1].partition == "2025-10-09-07:00"
    assert hourly[0].metadata["windows"].value == 200
    assert hourly[0].metadata["windows_reported"].value == MOST_PER_ASSET


def test_a_refresh_that_found_nothing_to_do_reports_nothing() -> None:
    """No window, no event."""
    assert list(materializations(RefreshReport(7, 0.01))) == []
