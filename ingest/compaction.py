"""Merge the small files of a lake: checked before the swap, one commit a merged file, safe beside a running appender.

Delta's own commit checks nothing that a merge rests on (of two that remove the same files both would succeed, and the
rows be there twice). So a merge commits at exactly the version that it has looked at, or looks again.
"""

from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from pathlib import PurePosixPath
from time import monotonic
from uuid import uuid4

import polars as pl
from deltalake import CommitProperties, DeltaTable
from deltalake.exceptions import CommitFailedError, DeltaError
from deltalake.fs import DeltaStorageHandler
from deltalake.transaction import AddAction, RemoveAction
from polars.exceptions import PolarsError

from ingest.compaction_plan import DataFile, plan
from ingest.delta_table import store_failures, table_url
from ingest.errors import LakeFailure
from ingest.lake import Lake
from ingest.lake_tables import TABLES, TableUpkeep, open_table
from ingest.log_keeping import NO_HOOKS
from ingest.rewrite import ParquetFiles, fingerprint, statistics

_METADATA = "omninode.compaction"
_ATTEMPTS = 100

Writer = Callable[[ParquetFiles, pl.DataFrame, str], None]


@dataclass(frozen=True, slots=True)
class Compacted:
    """What a run did, or would do, to one table. `overtaken`: merges that another writer made needless."""

    table: str
    version: int
    files_before: int
    files_after: int
    files_merged: int = 0
    files_written: int = 0
    rows: int = 0
    bytes_before: int = 0
    bytes_after: int = 0
    overtaken: int = 0
    left_for_later: int = 0
    seconds: float = 0.0


@dataclass(frozen=True, slots=True)
class Compaction:
    """A run over a lake. `max_seconds`: no further merge is begun after that; the next run goes on."""

    lake: Lake
    max_seconds: float = 120.0
    clock: Callable[[], datetime] = lambda: datetime.now(UTC)
    write: Writer = ParquetFiles.write
    new_name: Callable[[], str] = field(default=lambda: str(uuid4()))

    def is_due(self) -> bool:
        """Tell whether there is anything to merge."""
        with store_failures(self.lake.url):
            return any(plan(live_files(open_table(self.lake, kept.name), kept), kept.policy) for kept in TABLES)

    def run(self, *, dry_run: bool = False) -> list[Compacted]:
        """Merge what is worth it in both tables.

        Raises `LakeFailure` if a merged file does not hold what the small ones hold: it is dropped, nothing changes.
        """
        began = monotonic()
        with store_failures(self.lake.url):
            return [self._compact(kept, began, dry_run=dry_run) for kept in TABLES]

    def _compact(self, kept: TableUpkeep, began: float, *, dry_run: bool) -> Compacted:
        table, start = open_table(self.lake, kept.name), monotonic()
        files = live_files(table, kept)
        groups = plan(files, kept.policy)
        if dry_run:
            return _told(kept, table, files, groups, written=[])
        merge = _Merge(self, kept, table)
        written: list[DataFile] = []
        done: list[tuple[DataFile, ...]] = []
        overtaken = 0
        for group in groups:
            if monotonic() - began > self.max_seconds:
                break
            new = merge.run(group)
            if new is None:
                overtaken += 1
                continue
            written.append(new)
            done.append(group)
        if written:
            table.create_checkpoint()
        later = len(groups) - len(done) - overtaken
        told = _told(kept, table, files, done, written=written)
        return replace(told, overtaken=overtaken, left_for_later=later, seconds=round(monotonic() - start, 3))


@dataclass(frozen=True, slots=True)
class _Merge:
    """Merges groups of files of one table."""

    run_of: Compaction
    kept: TableUpkeep
    table: DeltaTable

    def run(self, group: Sequence[DataFile]) -> DataFile | None:
        """Merge a group; None if another writer has removed one of its files in the meantime."""
        files = self._files()
        folder = PurePosixPath(group[0].path).parent
        path = str(folder / f"compacted-{self.run_of.new_name()}.parquet")
        rows = files.read([file.path for file in group])
        expected = fingerprint(rows)
        try:
            self.run_of.write(files, rows.sort(self.kept.sort_by), path)
            del rows
            stored = files.read([path])
        except (PolarsError, OSError):
            self._drop(path)
            raise
        found = fingerprint(stored)
        logged = sum(file.rows for file in group)
        if found != expected or found.rows != logged:
            self._drop(path)
            raise LakeFailure(
                f"lake {self.run_of.lake.url}: {self.kept.name}/{path} holds {found.rows} rows that are not the "
                f"{logged} of the {len(group)} files that it was to replace; it was dropped and nothing has changed"
            )
        new = DataFile(path, group[0].partition, found.rows, self._size(path))
        if self._swap(group, new, statistics(stored, _bounded(self.table))):
            return new
        self._drop(path)
        return None

    def _swap(self, group: Sequence[DataFile], new: DataFile, told: str) -> bool:
        """Put the new file in the place of the old ones, at the very version at which they were seen to be there."""
        schema = self.table.schema().to_json()
        for _ in range(_ATTEMPTS):
            live = {file.path for file in live_files(self.table, self.kept)}
            # A commit may succeed and yet be answered with an error: then the file is there, and must stay.
            if new.path in live:
                return True
            if not live.issuperset(file.path for file in group) or self.table.schema().to_json() != schema:
                return False
            with suppress(CommitFailedError):
                self._commit(group, new, told)
            self.table.update_incremental()
        raise LakeFailure(f"lake {self.run_of.lake.url}: other commits came too fast for a compaction; try again later")

    def _commit(self, group: Sequence[DataFile], new: DataFile, told: str) -> None:
        now = int(self.run_of.clock().timestamp() * 1000)
        column = self.table.metadata().partition_columns[0]
        values = {column: new.partition}
        added = AddAction(new.path, new.size, values, now, data_change=False, stats=told)
        removed = [
            RemoveAction(file.path, data_change=False, deletion_timestamp=now, size=file.size, partition_values=values)
            for file in group
        ]
        metadata = {_METADATA: {"files": len(group), "rows": new.rows}}
        self.table.create_write_transaction(
            [added, *removed],
            "append",
            self.table.schema(),
            [column],
            # No retries: Delta would let the commit pass another one that removes the same files.
            commit_properties=CommitProperties(custom_metadata=metadata, max_commit_retries=0),
            post_commithook_properties=NO_HOOKS,
        )

    def _files(self) -> ParquetFiles:
        columns = pl.scan_delta(self.table).collect_schema()
        partitioned_by = self.table.metadata().partition_columns
        schema = pl.Schema({name: kind for name, kind in columns.items() if name not in partitioned_by})
        return ParquetFiles(table_url(self.run_of.lake.url, self.kept.name), self.run_of.lake.storage_options, schema)

    def _store(self) -> DeltaStorageHandler:
        lake = self.run_of.lake
        return DeltaStorageHandler(table_url(lake.url, self.kept.name), lake.storage_options)

    def _size(self, path: str) -> int:
        return int(self._store().get_file_info([path])[0].size)

    def _drop(self, path: str) -> None:
        # Whatever is left of it belongs to no version, so retention removes it in time.
        with suppress(OSError, DeltaError):
            self._store().delete_file(path)


def live_files(table: DeltaTable, kept: TableUpkeep) -> list[DataFile]:
    """Return the files of the version that a table object has read; those without a row count are left out."""
    column = table.metadata().partition_columns[0]
    actions = pl.DataFrame(table.get_add_actions(flatten=True))
    if actions.is_empty():
        return []
    first = f"min.{kept.sort_by[0]}"
    rows = actions.filter(pl.col("num_records").is_not_null()).select(
        "path",
        partition=pl.col(f"partition.{column}").cast(pl.String),
        rows="num_records",
        size="size_bytes",
        first=pl.col(first) if first in actions.columns else pl.lit(None),
    )
    return [DataFile(*row) for row in rows.iter_rows()]


def _bounded(table: DeltaTable) -> list[str]:
    """The columns whose bounds the log keeps."""
    return table.metadata().configuration["delta.dataSkippingStatsColumns"].split(",")


def _told(
    kept: TableUpkeep,
    table: DeltaTable,
    files: Sequence[DataFile],
    groups: Sequence[tuple[DataFile, ...]],
    *,
    written: Sequence[DataFile],
) -> Compacted:
    merged = [file for group in groups for file in group]
    return Compacted(
        table=kept.name,
        version=table.version(),
        files_before=len(files),
        files_after=len(files) - len(merged) + len(groups),
        files_merged=len(merged),
        files_written=len(groups),
        rows=sum(file.rows for file in merged),
        bytes_before=sum(file.size for file in merged),
        bytes_after=sum(file.size for file in written),
    )
