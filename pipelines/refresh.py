"""Bring the rows in Postgres up to what the lake says: the windows that changed, or those that one asks for."""

from dataclasses import dataclass, field
from datetime import datetime
from time import monotonic

import polars as pl

from ingest.lake import Change, Lake
from pipelines.compute import rows_of
from pipelines.dirty import Windows, all_hours, dirty_hours, newly_abandoned_hours, windows_of
from pipelines.enums import EnumWindowType
from pipelines.snapshot import Snapshot, snapshot_of
from pipelines.windows import window_of
from sql.metric_store import MetricStore, Progress, ReplaceResult

_PROGRESS = "statistics"


@dataclass(frozen=True, slots=True)
class RefreshReport:
    """What a refresh did: the lake's version that it read, the windows that it made, and what became of their rows."""

    lake_version: int
    seconds: float
    windows: Windows = field(default_factory=dict)
    rows: ReplaceResult | None = None

    @property
    def window_count(self) -> int:
        """How many windows were computed."""
        return sum(map(len, self.windows.values()))


@dataclass(frozen=True, slots=True)
class Refresher:
    """Computes windows of one lake into one database."""

    lake: Lake
    store: MetricStore

    def refresh(self) -> RefreshReport:
        """Compute the windows that changed since the last refresh, whoever made it; all of them if there was none."""
        began = monotonic()
        snapshot = snapshot_of(self.lake)
        as_of = _as_of(snapshot)
        if as_of is None:
            return RefreshReport(snapshot.version, monotonic() - began)
        progress = self.store.progress(_PROGRESS)
        is_ours = progress is not None and str(progress.lake_id) == snapshot.lake_id
        windows = windows_of(self._hours(snapshot, as_of, progress if is_ours else None))
        rows = rows_of(snapshot, windows, as_of=as_of)
        with self.store.transaction() as store:
            if not is_ours:
                store.forget_other_lakes(snapshot.lake_id)
            result = _replace(store, snapshot, windows, rows)
            store.set_progress(_PROGRESS, lake_id=snapshot.lake_id, lake_version=snapshot.version, as_of=as_of)
        return RefreshReport(snapshot.version, monotonic() - began, windows, result)

    def refresh_windows(self, windows: Windows) -> RefreshReport:
        """Compute these windows, whether they changed or not."""
        began = monotonic()
        snapshot = snapshot_of(self.lake)
        as_of = _as_of(snapshot)
        if as_of is None:
            return RefreshReport(snapshot.version, monotonic() - began)
        result = _replace(self.store, snapshot, windows, rows_of(snapshot, windows, as_of=as_of))
        return RefreshReport(snapshot.version, monotonic() - began, windows, result)

    def _hours(self, snapshot: Snapshot, as_of: datetime, progress: Progress | None) -> set[datetime]:
        if progress is None or progress.lake_version > snapshot.version:
            return all_hours(snapshot)
        changes = self._changes(progress.lake_version, snapshot.version)
        if changes is None:
            return all_hours(snapshot)
        return dirty_hours(snapshot, changes) | newly_abandoned_hours(progress.as_of, as_of)

    def _changes(self, after: int, until: int) -> list[Change] | None:
        changes = self.lake.changes_since(after)
        return None if changes is None else [change for change in changes if change.version <= until]


def _as_of(snapshot: Snapshot) -> datetime | None:
    """The hour of the latest event: by the lake's own time, the same lake gives the same rows on any day."""
    latest = snapshot.latest_event_time()
    return None if latest is None else window_of(latest, EnumWindowType.HOURLY).start


def _replace(store: MetricStore, snapshot: Snapshot, windows: Windows, rows: pl.DataFrame) -> ReplaceResult:
    keys = [(window.window_type.value, window.start) for of_type in windows.values() for window in of_type]
    return store.replace_windows(rows, keys, lake_id=snapshot.lake_id, lake_version=snapshot.version)
