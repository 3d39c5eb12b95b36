"""Let go of what no version within the stated time needs: old files, files that were never committed, old log."""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from time import monotonic

from deltalake import DeltaTable
from deltalake.fs import DeltaStorageHandler
from pyarrow.fs import FileSelector, PyFileSystem  # type: ignore[import-untyped]

from ingest.delta_table import store_failures, table_url
from ingest.lake import Lake
from ingest.lake_properties import RETENTION, retention_properties
from ingest.lake_tables import TABLES, open_table
from omninode.errors import BadInput

_HOUR = timedelta(hours=1)


@dataclass(frozen=True, slots=True)
class Expired:
    """What a run removed, or would remove, of one table."""

    table: str
    version: int
    files: int
    bytes: int
    #: Half-written files of writers that were killed; only on a disk.
    unfinished: int
    log_entries: int
    seconds: float


@dataclass(frozen=True, slots=True)
class Retention:
    """How long a lake keeps its old versions. `keep`: as its setting says."""

    lake: Lake
    keep: timedelta = RETENTION
    clock: Callable[[], datetime] = lambda: datetime.now(UTC)

    def run(self, *, older_than: timedelta | None = None, dry_run: bool = False) -> list[Expired]:
        """Remove files that left the lake, or never came into it, longer ago than `older_than` (default: `keep`).

        The log goes after `keep`, never before the files that it tells of. Raises `BadInput` for a time under an hour,
        as a writer may be about to commit its file, or over `keep`, since beyond that the log does not tell.
        """
        age = self.keep if older_than is None else older_than
        if age < _HOUR:
            raise BadInput(f"--older-than: {age} is too short, a writer may be about to commit; give at least 1h")
        if age > self.keep:
            raise BadInput(
                f"--older-than: the lake keeps old versions for {self.keep}; give less, or set OMNINODE_LAKE_RETENTION"
            )
        with store_failures(self.lake.url):
            return [self._expire(kept.name, age, dry_run=dry_run) for kept in TABLES]

    def _expire(self, name: str, age: timedelta, *, dry_run: bool) -> Expired:
        began, table = monotonic(), open_table(self.lake, name)
        if not dry_run:
            self._set_properties(table)
        store = DeltaStorageHandler(table_url(self.lake.url, name), self.lake.storage_options)
        hours = -(-age // _HOUR)
        # "Full" means: files that no version ever had, too, if they are older than that.
        paths = table.vacuum(hours, dry_run=True, enforce_retention_duration=False, full=True)
        size = sum(max(0, found.size or 0) for found in store.get_file_info(paths)) if paths else 0
        unfinished = _unfinished(Path(table_url(self.lake.url, name)), self.clock() - age)
        before = _log_entries(store)
        if not dry_run:
            if paths:
                table.vacuum(hours, dry_run=False, enforce_retention_duration=False, full=True)
            for path in unfinished:
                path.unlink(missing_ok=True)
            _clean_log(table)
        log_entries = 0 if dry_run else max(0, before - _log_entries(store))
        seconds = round(monotonic() - began, 3)
        return Expired(name, table.version(), len(paths), size, len(unfinished), log_entries, seconds)

    def _set_properties(self, table: DeltaTable) -> None:
        """Tell the table what its writers rest on when they clean up after a checkpoint.

        An appender that commits at this moment is refused, looks again and goes on; so it is done only when it differs.
        """
        wanted, found = retention_properties(self.keep), table.metadata().configuration
        if any(found.get(name) != value for name, value in wanted.items()):
            table.alter.set_table_properties(dict(wanted))
            table.update_incremental()


def _clean_log(table: DeltaTable) -> None:
    """Remove log entries that are older than the table's property says, up to the last checkpoint that is, too."""
    table.update_incremental()
    table.create_checkpoint()
    table.cleanup_metadata()


def _unfinished(folder: Path, before: datetime) -> list[Path]:
    """What writes on a disk leave when they are killed: `NAME#1` until it is whole, hidden from the store's listing."""
    if not folder.is_dir():
        return []
    return [path for path in folder.rglob("*#[0-9]*") if path.is_file() and path.stat().st_mtime < before.timestamp()]


def _log_entries(store: DeltaStorageHandler) -> int:
    return len(PyFileSystem(store).get_file_info(FileSelector("_delta_log", allow_not_found=True)))
