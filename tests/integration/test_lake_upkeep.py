"""Compaction and retention on a real lake, alone and beside others that write."""

import os
import signal
import subprocess
import sys
import threading
from collections.abc import Iterable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from time import time

import polars as pl
import pytest
from deltalake import DeltaTable

from ingest.compaction import Compaction
from ingest.errors import Fenced, LakeFailure
from ingest.lake import Lake, open_lake
from ingest.lake_tables import TABLES, open_table
from ingest.retention import Retention
from ingest.rewrite import ParquetFiles
from ingest.row_counts import row_counts
from omninode.errors import BadInput
from tests.command import ROOT, CommandLine
from tests.events import completed
from tests.lakes import PLACE, append_rows, micro_batch, read_dead_letters, read_events

WEEK = timedelta(days=7)


@pytest.fixture
def lake(tmp_path: Path) -> Lake:
    """A lake of six small files in each table."""
    lake = open_lake(str(tmp_path / "lake"))
    for number in range(6):
        lake.append(micro_batch(number * 3, good=2, bad=1))
    return lake


def rows(lake: Lake) -> list[pl.DataFrame]:
    return [read(lake.url).sort("offset") for read in (read_events, read_dead_letters)]


def data_files(lake: Lake) -> list[Path]:
    return sorted(path for path in Path(lake.url).rglob("*.parquet") if "_delta_log" not in path.parts)


def age(paths: Iterable[Path], by: timedelta) -> None:
    """Let files be that much older."""
    for path in paths:
        os.utime(path, (time() - by.total_seconds(),) * 2)


def offsets(lake: Lake) -> list[int]:
    found = [frame["offset"].to_list() for frame in rows(lake)]
    return sorted(offset for part in found for offset in part)


def test_both_tables_keep_every_row_in_fewer_files(lake: Lake) -> None:
    """Six files become one; rows, changes, offsets and the count of rows are what they were; a second run is idle."""
    before, changes = rows(lake), lake.changes_since(0)
    assert Compaction(lake).is_due()
    planned = Compaction(lake).run(dry_run=True)
    assert lake.version == open_lake(lake.url).version

    done = Compaction(lake).run()

    assert [(table.files_before, table.files_after, table.rows) for table in done] == [(6, 1, 12), (6, 1, 6)]
    assert [(table.files_after, table.rows) for table in planned] == [(1, 12), (1, 6)]
    assert all(found.equals(expected) for found, expected in zip(rows(lake), before, strict=True))
    assert lake.changes_since(0) == changes
    assert all(row_counts(lake, kept.name).agree for kept in TABLES)
    assert open_lake(lake.url).next_offset(PLACE) == 18
    assert not Compaction(lake).is_due()
    assert [table.files_merged for table in Compaction(lake).run()] == [0, 0]


def test_an_appender_that_stays_open_goes_on(lake: Lake) -> None:
    """Its table object knows nothing of the compaction, and its offsets outlive the checkpoint."""
    Compaction(lake).run()
    lake.append(micro_batch(18, good=1, bad=1))
    assert offsets(lake) == list(range(20))


def test_rows_are_in_the_order_of_time_and_files_are_passed_over_by_it(tmp_path: Path) -> None:
    """The log tells the merged file's bounds to the microsecond; a time outside of them reads no file."""
    lake = open_lake(str(tmp_path))
    for minute in (5, 1, 9, 3):
        append_rows(lake, [completed(at=f"2025-10-24T10:0{minute}:00.000001")], name=f"batch {minute}")
    Compaction(lake).run()
    actions = pl.DataFrame(open_table(lake, "events").get_add_actions(flatten=True))
    assert actions["min.event_time"].to_list() == [datetime(2025, 10, 24, 10, 1, 0, 1, tzinfo=UTC)]
    assert actions["max.event_time"].to_list() == [datetime(2025, 10, 24, 10, 9, 0, 1, tzinfo=UTC)]
    stored = pl.read_parquet(data_files(lake)[0].parent / Path(actions["path"][0]).name)
    assert stored["event_time"].is_sorted()
    scan = pl.scan_delta(lake.events_url)
    edges = [pl.col("event_time") == actions[bound][0] for bound in ("min.event_time", "max.event_time")]
    assert [scan.filter(edge).collect().height for edge in edges] == [1, 1]
    before = scan.filter(pl.col("event_time") < actions["min.event_time"][0])
    for path in data_files(lake):
        path.unlink()
    assert before.collect().is_empty(), "a file was read that the log rules out"


@pytest.mark.parametrize("spoil", ["lose", "double", "change", "swap"])
def test_a_file_with_other_rows_is_refused(lake: Lake, spoil: str) -> None:
    """A row lost, doubled, changed, or two values swapped between rows: one clear line, and nothing has changed."""

    def write(files: ParquetFiles, frame: pl.DataFrame, path: str) -> None:
        spoiled = {
            "lose": lambda: frame.head(-1),
            "double": lambda: pl.concat([frame.head(-1), frame.head(1)]),
            "change": lambda: frame.with_columns(workflow_id=pl.lit("other")),
            "swap": lambda: frame.with_columns(pl.col("batch_id").reverse()),
        }[spoil]()
        files.write(spoiled, path)

    before, version, paths = rows(lake), lake.version, data_files(lake)
    with pytest.raises(LakeFailure, match=r"dropped and nothing has changed$") as failed:
        Compaction(lake, write=write).run()
    assert "\n" not in str(failed.value)
    assert (open_lake(lake.url).version, data_files(lake)) == (version, paths)
    assert all(found.equals(expected) for found, expected in zip(rows(lake), before, strict=True))


def test_of_two_compactions_of_the_same_files_one_wins(lake: Lake) -> None:
    """The second comes while the first has written its file and not committed: each row is there once."""

    def write(files: ParquetFiles, frame: pl.DataFrame, path: str) -> None:
        files.write(frame, path)
        Compaction(lake).run()

    before = rows(lake)
    done = Compaction(lake, write=write).run()
    assert (done[0].overtaken, done[0].files_merged) == (1, 0)
    assert all(found.equals(expected) for found, expected in zip(rows(lake), before, strict=True))
    assert len([path for path in data_files(lake) if "compacted" in path.name]) == 2


def test_a_file_that_somebody_deletes_in_between_does_not_come_back(lake: Lake) -> None:
    """Rows that another program deletes while they are being merged stay deleted."""

    def write(files: ParquetFiles, frame: pl.DataFrame, path: str) -> None:
        files.write(frame, path)
        if "event_date" in path:
            DeltaTable(lake.events_url).delete("offset < 3")

    done = Compaction(lake, write=write).run()
    assert done[0].overtaken == 1
    assert min(read_events(lake.url)["offset"]) == 3


def test_beside_a_busy_appender_nothing_is_lost_or_doubled(lake: Lake) -> None:
    """An appender commits all the time while two others compact again and again."""
    stop, failed = threading.Event(), []

    def compact() -> None:
        while not stop.is_set():
            try:
                Compaction(open_lake(lake.url)).run()
            except Exception as error:  # noqa: BLE001 - told in the test's own thread
                failed.append(error)

    threads = [threading.Thread(target=compact) for _ in range(2)]
    for thread in threads:
        thread.start()
    appender = open_lake(lake.url)
    for number in range(6, 66):
        appender.append(micro_batch(number * 3, good=2, bad=1))
    stop.set()
    for thread in threads:
        thread.join()
    assert failed == []
    assert offsets(lake) == list(range(66 * 3))
    changes = open_lake(lake.url).changes_since(0)
    assert changes is not None
    assert [change.batch_id for change in changes] == [f"batch-{number * 3}" for number in range(66)]
    assert len(open_table(lake, "events").file_uris()) < 60, "no compaction got through"


_KILLED = """
import sys, time
from ingest.compaction import Compaction
from ingest.lake import open_lake
from ingest.rewrite import ParquetFiles

def write(files, rows, path):
    files.write(rows, path)
    print("written", flush=True)
    time.sleep(60)

Compaction(open_lake(sys.argv[1]), write=write).run()
"""


def test_a_killed_compaction_leaves_a_file_that_retention_removes_in_time(lake: Lake) -> None:
    """kill -9 between the file and the commit: the lake is as it was; the orphan goes when it is old, not before."""
    before, paths = rows(lake), data_files(lake)
    with subprocess.Popen(
        [sys.executable, "-c", _KILLED, lake.url], cwd=ROOT, stdout=subprocess.PIPE, text=True
    ) as child:
        assert child.stdout is not None
        assert child.stdout.readline() == "written\n"
        child.send_signal(signal.SIGKILL)
    (orphan,) = set(data_files(lake)) - set(paths)
    half = orphan.with_name("part-1.parquet#1")
    half.write_bytes(b"half")

    assert [table.files + table.unfinished for table in Retention(lake).run()] == [0, 0]
    age((orphan, half), WEEK + timedelta(hours=1))
    told = Retention(lake).run(dry_run=True)
    assert orphan.exists()
    done = Retention(lake).run()

    assert [(table.files, table.unfinished) for table in told] == [(1, 1), (0, 0)]
    assert [(table.files, table.unfinished) for table in done] == [(1, 1), (0, 0)]
    assert (data_files(lake), half.exists()) == (paths, False)
    assert all(found.equals(expected) for found, expected in zip(rows(lake), before, strict=True))


def test_an_old_version_is_read_until_its_time_is_over(lake: Lake) -> None:
    """Files that a compaction replaced 5 hours ago stay, those it replaced 7 hours ago go; the present is as it was."""
    before, version = rows(lake), lake.version

    def ago(hours: int) -> datetime:
        return datetime.now(UTC) - timedelta(hours=hours)

    Compaction(lake, clock=lambda: ago(5)).run()
    age(data_files(lake), timedelta(days=30))
    assert [table.files for table in Retention(lake).run()] == [0, 0]
    assert pl.read_delta(lake.events_url, version=version).height == 12

    for number in range(6, 12):
        lake.append(micro_batch(number * 3, good=2, bad=1))
    later = open_lake(lake.url).version
    Compaction(lake, clock=lambda: ago(7)).run()
    age(data_files(lake), timedelta(days=30))
    done = Retention(lake).run()
    assert all(table.files >= 6 and table.bytes > 0 for table in done)
    with pytest.raises((FileNotFoundError, pl.exceptions.PolarsError)):
        pl.read_delta(lake.events_url, version=later)
    assert offsets(lake) == list(range(36))
    assert read_events(lake.url).filter(pl.col("offset") < 18).sort("offset").equals(before[0])


def test_old_log_goes_and_offsets_and_changes_since_then_stay(lake: Lake) -> None:
    """Log entries over a week old go with the checkpoint before them; offsets are kept, later changes are told."""
    Compaction(lake).run()
    version = open_lake(lake.url).version
    age((path for path in Path(lake.url).rglob("*") if path.is_file()), WEEK + timedelta(hours=2))
    lake.append(micro_batch(18, good=1, bad=1))

    done = Retention(lake).run()

    assert all(table.log_entries > 0 for table in done)
    fresh = open_lake(lake.url)
    assert fresh.next_offset(PLACE) == 20
    changes = fresh.changes_since(version)
    assert changes is not None
    assert [change.batch_id for change in changes] == ["batch-18"]
    lake.append(micro_batch(20, good=1))
    assert offsets(lake) == list(range(21))


def test_a_lake_that_was_made_before_is_told_how_long_to_keep(lake: Lake) -> None:
    """The setting reaches the tables, once; an appender that commits at this moment is fenced off and goes on."""
    stale = open_lake(lake.url)
    Retention(lake, timedelta(days=3)).run()
    version = open_lake(lake.url).version
    for kept in TABLES:
        configuration = open_table(lake, kept.name).metadata().configuration
        assert configuration["delta.logRetentionDuration"] == "interval 72 hours"
        assert configuration["delta.deletedFileRetentionDuration"] == "interval 72 hours"
    Retention(lake, timedelta(days=3)).run()
    assert open_lake(lake.url).version == version
    with pytest.raises(Fenced):
        stale.append(micro_batch(18, good=1, bad=1))
    stale.refresh()
    stale.append(micro_batch(18, good=1, bad=1))
    assert offsets(lake) == list(range(20))


@pytest.mark.parametrize("asked", [timedelta(minutes=59), WEEK + timedelta(hours=1)])
def test_ages_that_are_not_safe_are_refused(lake: Lake, asked: timedelta) -> None:
    """Under an hour a writer may lose its file; over the setting the log does not know what was needed."""
    with pytest.raises(BadInput, match="--older-than"):
        Retention(lake).run(older_than=asked)


def test_the_commands(lake: Lake, tmp_path: Path) -> None:
    """`omninode lake` does both by hand, says first what it would do, and refuses what it cannot read."""
    command = CommandLine(tmp_path, {"OMNINODE_HOME": str(tmp_path), "OMNINODE_LAKE": lake.url})
    assert [row["files_after"] for row in command.rows("lake", "compact", "--dry-run")] == [1, 1]
    assert [row["files_merged"] for row in command.rows("lake", "compact")] == [6, 6]
    assert [row["files"] for row in command.rows("lake", "vacuum", "--older-than", "2h")] == [0, 0]
    refused = command.run("lake", "vacuum", "--older-than", "soon")
    assert (refused.returncode, refused.stderr.count("\n")) == (2, 1)
    assert "dead_letters" in command.done("lake", "vacuum", "--dry-run")
    assert offsets(lake) == list(range(18))
