"""Bring the rows in Postgres up to what the lake says: the windows that changed, or those that one asks for."""

from contextlib import AbstractContextManager
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from time import monotonic

import polars as pl

from ingest.lake import Lake
from pipelines.compute import rows_of
from pipelines.differences import RowChange, row_changes
from pipelines.dirty import Windows, all_hours, dirty_hours, newly_abandoned_hours, windows_of
from pipelines.enums import EnumWindowType
from pipelines.kept_states import daily, day_of
from pipelines.large_refresh import LargeRefresh, LargeWindows, Memory, News
from pipelines.large_windows import Large, closed_windows, large_windows, large_windows_of, together, without
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
class _Plan:
    """What a refresh is to do: of which snapshot, the hours that changed, and the windows that hold them."""

    snapshot: Snapshot
    as_of: datetime
    #: None: it is not known what changed, so everything may have.
    news: News | None
    hours: set[datetime]
    windows: Windows
    #: Those of the windows that are merged from states.
    merged: Windows


@dataclass(frozen=True, slots=True)
class Refresher:
    """Computes windows of one lake into one database."""

    lake: Lake
    store: MetricStore
    #: Which windows are merged from states; their rows say that their percentiles are near, and how near.
    large: Large = field(default_factory=Large)
    memory: Memory = field(default_factory=Memory)

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
        plan = self._plan(snapshot, as_of, progress if is_ours else None)
        made = self._made(plan)
        with self._writing(dry_run) as store:
            before = store.read_windows(_keys(plan.windows)) if dry_run else []
            if not is_ours:
                store.forget_other_lakes(snapshot.lake_id)
            result = _replace(store, snapshot, plan.windows, made.rows)
            self._keep(store, plan, made)
            _note(store, snapshot, plan.news, is_new_hour=progress is None or progress.as_of != as_of)
            store.set_progress(_PROGRESS, lake_id=snapshot.lake_id, lake_version=snapshot.version, as_of=as_of)
            changes = row_changes(before, store.read_windows(_keys(plan.windows))) if dry_run else None
        return RefreshReport(snapshot.version, monotonic() - began, plan.windows, result, changes)

    def refresh_windows(self, windows: Windows, *, dry_run: bool = False) -> RefreshReport:
        """Compute these windows exactly, whether they changed or not. A dry run as in `refresh`."""
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

    def _plan(self, snapshot: Snapshot, as_of: datetime, progress: Progress | None) -> _Plan:
        """progress: of this lake; None if it was never refreshed."""
        news = self._news(snapshot, progress)
        if progress is None or news is None:
            hours = all_hours(snapshot)
            all_windows = windows_of(hours)
            merged = large_windows_of(snapshot, all_windows, self.large, as_of=as_of)
            return _Plan(snapshot, as_of, None, hours, all_windows, merged)
        hours = dirty_hours(snapshot, news.changes) | newly_abandoned_hours(progress.as_of, as_of)
        dirty = windows_of(hours)
        merged = large_windows(self.store, dirty, self.large, as_of=as_of)
        closed = closed_windows(self.store, self.large, progress.as_of, as_of)
        return _Plan(snapshot, as_of, news, hours, together(dirty, closed), merged)

    def _news(self, snapshot: Snapshot, progress: Progress | None) -> News | None:
        """Return what was committed since the last refresh; None if that is not known."""
        if progress is None or progress.lake_version > snapshot.version:
            return None
        changes = self.lake.changes_since(progress.lake_version)
        if changes is None:
            return None
        return News(progress.lake_version, [change for change in changes if change.version <= snapshot.version])

    def _made(self, plan: _Plan) -> LargeRefresh:
        """Compute the rows of all windows, those to be merged, and with them the hours, in their own way."""
        if not plan.merged:
            return LargeRefresh(rows_of(plan.snapshot, plan.windows, as_of=plan.as_of), {})
        way = LargeWindows(plan.snapshot, self.store, plan.as_of, self.memory)
        made = way.refresh(plan.hours, plan.merged, plan.news)
        others = without(without(plan.windows, plan.merged), windows_of(plan.hours, [EnumWindowType.HOURLY]))
        return replace(made, rows=pl.concat([made.rows, rows_of(plan.snapshot, others, as_of=plan.as_of)]))

    def _keep(self, store: MetricStore, plan: _Plan, made: LargeRefresh) -> None:
        """Keep the states that were made, and forget those that the changes made untrue and none took the place of.

        Whoever has come further in the lake may have seen changes that these states lack: then they are not kept.
        """
        lake_id, version = plan.snapshot.lake_id, plan.snapshot.version
        progress = store.progress(_PROGRESS)
        if progress is not None and str(progress.lake_id) == lake_id and progress.lake_version > version:
            return
        with store.states() as states:
            if plan.news is None:
                states.forget_all()
            else:
                states.forget_days({day_of(hour) for hour in plan.hours if daily(day_of(hour)) not in made.states})
            if plan.merged:
                states.forget_before(lake_id, min(window.start for of in plan.merged.values() for window in of))
        self.memory.states.keep(store, lake_id, version, made.states)

    def _writing(self, dry_run: bool) -> AbstractContextManager[MetricStore]:
        return self.store.trial() if dry_run else self.store.transaction()


def _note(store: MetricStore, snapshot: Snapshot, news: News | None, *, is_new_hour: bool) -> None:
    """Keep in mind what came in which version, for `pipelines.explain`; the lake forgets it after some hours."""
    with store.batches() as batches:
        if news is None:
            batches.begin(snapshot.lake_id, snapshot.version)
        else:
            batches.note(snapshot.lake_id, {change.version: change.batch_id for change in news.changes})
        if is_new_hour:
            batches.expire(BATCHES_KEPT)


def _keys(windows: Windows) -> list[tuple[str, datetime]]:
    return [(window.window_type.value, window.start) for of_type in windows.values() for window in of_type]


def _replace(store: MetricStore, snapshot: Snapshot, windows: Windows, rows: pl.DataFrame) -> ReplaceResult:
    return store.replace_windows(rows, _keys(windows), lake_id=snapshot.lake_id, lake_version=snapshot.version)
