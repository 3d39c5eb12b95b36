"""Bring the rows in Postgres up to what the lake says: the windows that changed, or those that one asks for."""

from collections.abc import Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from time import monotonic

import polars as pl

from ingest.lake import Lake
from ingest.micro_batch import Change
from pipelines.compute import rows_of
from pipelines.differences import RowChange, row_changes
from pipelines.dirty import Windows, all_hours, dirty_hours, newly_abandoned_hours, windows_of
from pipelines.snapshot import Snapshot, as_of_hour, snapshot_of
from sql.metric_store import MetricStore, Progress, ReplaceResult

_PROGRESS = "statistics"
#: How long it is kept in mind which version of the lake brought which micro-batch: a commit a second is 8 M rows then.
BATCHES_KEPT = timedelta(days=90)


@dataclass(frozen=True, slots=True)
class RefreshReport:
    """What a refresh did: the lake's version that it read, the windows that it made, and what became of their rows."""

    lake_version: int
    seconds: float
    windows: Windows = field(default_factory=dict)
    rows: ReplaceResult | None = None
    #: Of a dry run alone: the rows that would change.
    changes: list[RowChange] | None = None

    @property
    def window_count(self) -> int:
        """How many windows were computed."""
        return sum(map(len, self.windows.values()))


@dataclass(frozen=True, slots=True)
class Refresher:
    """Computes windows of one lake into one database."""

    lake: Lake
    store: MetricStore

    def refresh(self, *, dry_run: bool = False) -> RefreshReport:
        """Compute the windows that changed since the last refresh, whoever made it; all of them if there was none.

        A dry run does all of it, looks at the rows before and after, and undoes it.
        """
        began = monotonic()
        snapshot = snapshot_of(self.lake)
        as_of = as_of_hour(snapshot)
        if as_of is None:
            return RefreshReport(snapshot.version, monotonic() - began)
        progress = self.store.progress(_PROGRESS)
        is_ours = progress is not None and str(progress.lake_id) == snapshot.lake_id
        news = self._news(snapshot, progress if is_ours else None)
        hours = all_hours(snapshot) if news is None else self._hours(snapshot, news, progress, as_of)
        windows = windows_of(hours)
        rows = rows_of(snapshot, windows, as_of=as_of)
        with self._writing(dry_run) as store:
            before = store.read_windows(_keys(windows)) if dry_run else []
            if not is_ours:
                store.forget_other_lakes(snapshot.lake_id)
            result = _replace(store, snapshot, windows, rows)
            _note(store, snapshot, news, is_new_hour=progress is None or progress.as_of != as_of)
            store.set_progress(_PROGRESS, lake_id=snapshot.lake_id, lake_version=snapshot.version, as_of=as_of)
            changes = row_changes(before, store.read_windows(_keys(windows))) if dry_run else None
        return RefreshReport(snapshot.version, monotonic() - began, windows, result, changes)

    def refresh_windows(self, windows: Windows, *, dry_run: bool = False) -> RefreshReport:
        """Compute these windows, whether they changed or not. A dry run as in `refresh`."""
        began = monotonic()
        snapshot = snapshot_of(self.lake)
        as_of = as_of_hour(snapshot)
        if as_of is None:
            return RefreshReport(snapshot.version, monotonic() - began)
        rows = rows_of(snapshot, windows, as_of=as_of)
        with self._writing(dry_run) as store:
            before = store.read_windows(_keys(windows)) if dry_run else []
            result = _replace(store, snapshot, windows, rows)
            changes = row_changes(before, store.read_windows(_keys(windows))) if dry_run else None
        return RefreshReport(snapshot.version, monotonic() - began, windows, result, changes)

    def _writing(self, dry_run: bool) -> AbstractContextManager[MetricStore]:
        return self.store.trial() if dry_run else self.store.transaction()

    def _news(self, snapshot: Snapshot, progress: Progress | None) -> list[Change] | None:
        """Return what was committed since the last refresh; None if that is not known."""
        if progress is None or progress.lake_version > snapshot.version:
            return None
        return self._changes(progress.lake_version, snapshot.version)

    def _hours(
        self, snapshot: Snapshot, news: Sequence[Change], progress: Progress | None, as_of: datetime
    ) -> set[datetime]:
        before = None if progress is None else progress.as_of
        return dirty_hours(snapshot, news) | newly_abandoned_hours(before, as_of)

    def _changes(self, after: int, until: int) -> list[Change] | None:
        changes = self.lake.changes_since(after)
        return None if changes is None else [change for change in changes if change.version <= until]


def _note(store: MetricStore, snapshot: Snapshot, news: Sequence[Change] | None, *, is_new_hour: bool) -> None:
    """Keep in mind what came in which version, for `pipelines.explain`; the lake forgets it after some hours."""
    with store.batches() as batches:
        if news is None:
            batches.begin(snapshot.lake_id, snapshot.version)
        else:
            batches.note(snapshot.lake_id, {change.version: change.batch_id for change in news})
        if is_new_hour:
            batches.expire(BATCHES_KEPT)


def _keys(windows: Windows) -> list[tuple[str, datetime]]:
    return [(window.window_type.value, window.start) for of_type in windows.values() for window in of_type]


def _replace(store: MetricStore, snapshot: Snapshot, windows: Windows, rows: pl.DataFrame) -> ReplaceResult:
    return store.replace_windows(rows, _keys(windows), lake_id=snapshot.lake_id, lake_version=snapshot.version)
