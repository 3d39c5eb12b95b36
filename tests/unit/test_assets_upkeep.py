"""Upkeep of the lake through Dagster: what a run does, what it notes, and when it runs by itself."""

from pathlib import Path

import dagster as dg
import polars as pl
import pytest

from assets.definitions import defs
from assets.upkeep import POOL, lake_compaction, lake_retention, row_counts_agree
from ingest.lake import Lake, open_lake
from ingest.lake_tables import open_table
from tests.lakes import micro_batch, read_events

pytestmark = pytest.mark.filterwarnings("ignore::dagster.BetaWarning")


@pytest.fixture
def lake(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Lake:
    """A lake of five small files in each table, which the settings name."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("OMNINODE_LAKE_RETENTION", raising=False)
    monkeypatch.setenv("OMNINODE_LAKE", str(tmp_path / "lake"))
    lake = open_lake(str(tmp_path / "lake"))
    for number in range(5):
        lake.append(micro_batch(number * 2, good=1, bad=1))
    return lake


def materialize(lake: Lake, asset: dg.AssetsDefinition) -> dict[str, object]:
    with dg.DagsterInstance.ephemeral(settings={"telemetry": {"enabled": False}}) as instance:
        result = dg.materialize([asset, row_counts_agree], resources={"lake": lake}, instance=instance)
        assert all(check.passed for check in result.get_asset_check_evaluations())
        (event,) = result.get_asset_materialization_events()
        return {name: value.value for name, value in event.materialization.metadata.items()}


def test_a_run_of_compaction_notes_what_it_did(lake: Lake) -> None:
    """Files before and after, rows, bytes, seconds and the version: numbers of each table, to be plotted."""
    before = read_events(lake.url).sort("offset")
    noted = materialize(lake, lake_compaction)
    assert read_events(lake.url).sort("offset").equals(before)
    for table in ("events", "dead_letters"):
        names = ("files_before", "files_after", "rows", "files_written", "version")
        assert [noted[f"{table}_{name}"] for name in names] == [5, 1, 5, 1, 6]
        sizes = [noted[f"{table}_{name}"] for name in ("bytes_after", "bytes_before", "seconds")]
        assert all(isinstance(size, int | float) and size > 0 for size in sizes)


def test_a_run_of_retention_keeps_what_is_new_and_takes_the_setting(
    lake: Lake, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What compaction has just replaced stays; how long it will is what OMNINODE_LAKE_RETENTION says."""
    monkeypatch.setenv("OMNINODE_LAKE_RETENTION", "36h")
    materialize(lake, lake_compaction)
    noted = materialize(lake, lake_retention)
    assert (noted["events_files"], noted["dead_letters_files"]) == (0, 0)
    properties = open_table(lake, "events").metadata().configuration
    assert properties["delta.deletedFileRetentionDuration"] == "interval 36 hours"


def test_the_check_finds_a_file_with_fewer_rows_than_the_log_says(lake: Lake) -> None:
    """A file that somebody cut is found, and in which table."""
    path = Path(lake.url, open_table(lake, "events").file_uris()[0])
    pl.read_parquet(path, hive_partitioning=False).clear().write_parquet(path)
    (result,) = [row_counts_agree(lake)]
    assert isinstance(result, dg.AssetCheckResult)
    counts = {name: value.value for name, value in result.metadata.items()}
    assert not result.passed
    assert (counts["events_rows_in_log"], counts["events_rows_in_files"]) == (5, 4)
    assert (counts["dead_letters_rows_in_log"], counts["dead_letters_rows_in_files"]) == (5, 5)


def test_upkeep_runs_by_itself_and_only_if_there_is_something_to_do(lake: Lake) -> None:
    """Both schedules are on; a tick of compaction asks for a run while there are small files, then for none."""
    definitions = defs()
    for name in ("lake_compaction_schedule", "lake_retention_schedule"):
        assert definitions.resolve_schedule_def(name).default_status is dg.DefaultScheduleStatus.RUNNING
    schedule = definitions.resolve_schedule_def("lake_compaction_schedule")

    def asked() -> int:
        return len(schedule.evaluate_tick(dg.build_schedule_context()).run_requests or [])

    assert asked() == 1
    materialize(lake, lake_compaction)
    assert asked() == 0


def test_both_share_a_pool() -> None:
    """Whoever sets the pool's limit to one has one of them at a time."""
    assert [asset.op.pool for asset in (lake_compaction, lake_retention)] == [POOL, POOL]
