"""Bring the lifecycle tables up to what the lake's events say: the workflows that changed, or all of them."""

from dataclasses import dataclass, field
from datetime import date, timedelta
from time import monotonic
from typing import Any

import polars as pl

from ingest.lake import Lake
from ingest.micro_batch import Change
from pipelines.lifecycle.archive import recall_from
from pipelines.lifecycle.commands import MAX_TEXT
from pipelines.lifecycle.configuration import guides_configuration
from pipelines.lifecycle.histories import histories_in_batches
from pipelines.lifecycle.rules import RuleSet
from pipelines.snapshot import HORIZON, Snapshot, snapshot_of
from sql.lifecycle_events import Brought, LifecycleEvents
from sql.lifecycle_rows import Command
from sql.metric_store import MetricStore, Progress

_PROGRESS = "lifecycle"
#: So many workflows go into one transaction.
BATCH = 10_000
#: What an event tells has happened: its guards have been met.
_FACTS = dict.fromkeys(["has_requirements", "has_analysis_results", "has_generated_code", "validation_passed"], True)


@dataclass(frozen=True, slots=True)
class ReplayReport:
    """What a replay did."""

    lake_version: int
    seconds: float
    #: Workflows that were looked at.
    looked_at: int = 0
    brought: Brought = field(default_factory=Brought)


class LifecycleReplay:
    """Reads one lake into one database. It may run beside itself, beside the API, and as often as one likes.

    Archived workflows come back from the same lake if events say anything new of them, else they stay archived.
    """

    def __init__(self, lake: Lake, events: LifecycleEvents) -> None:
        """Take the lake, and the tables on a pool: two of its connections are used."""
        self._lake = lake
        self._events = events
        self._progress = MetricStore(events.source)
        self._rules = RuleSet(guides_configuration())
        self._recall = recall_from(lake)

    def refresh(self) -> ReplayReport:
        """Bring in the workflows of which events have come since the last time; all of them if there was none."""
        began = monotonic()
        with self._events.turn():
            snapshot = snapshot_of(self._lake)
            progress = self._progress.progress(_PROGRESS)
            is_ours = progress is not None and str(progress.lake_id) == snapshot.lake_id
            return self._bring(snapshot, self._touched(snapshot, progress if is_ours else None), began)

    def replay(self) -> ReplayReport:
        """Bring in every workflow of the lake again."""
        began = monotonic()
        with self._events.turn():
            snapshot = snapshot_of(self._lake)
            return self._bring(snapshot, snapshot.events(), began)

    def _bring(self, snapshot: Snapshot, events: pl.LazyFrame | None, began: float) -> ReplayReport:
        latest = snapshot.latest_event_time()
        if events is None or latest is None:
            return ReplayReport(snapshot.version, monotonic() - began)
        brought, looked_at = Brought(), 0
        for told in histories_in_batches(events, size=BATCH):
            brought += self._events.bring(told, self._command, self._recall)
            looked_at += told.workflows.height
        self._progress.set_progress(_PROGRESS, lake_id=snapshot.lake_id, lake_version=snapshot.version, as_of=latest)
        return ReplayReport(snapshot.version, monotonic() - began, looked_at, brought)

    def _touched(self, snapshot: Snapshot, progress: Progress | None) -> pl.LazyFrame | None:
        """All events of the workflows that changed since; None if there are none."""
        if progress is None or progress.lake_version > snapshot.version:
            return snapshot.events()
        changes = self._lake.changes_since(progress.lake_version)
        if changes is None:
            return snapshot.events()
        ids = _workflows_of(snapshot, [change for change in changes if change.version <= snapshot.version])
        if ids.is_empty():
            return None
        days = days_around(changes) | days_within(self._events.days_of(ids["workflow_id"].to_list()))
        return snapshot.events_around(sorted(days)).join(ids.lazy(), on="workflow_id", how="semi")

    def _command(self, row: dict[str, Any]) -> Command:
        correlation_id = row["correlation_id"]
        return Command(
            workflow_id=row["workflow_id"],
            transition_id=row["transition_id"],
            ruling=self._rules.rule(row["to_state"], row["event"], _FACTS),
            metadata=row["metadata"],
            correlation_id=correlation_id and correlation_id[:MAX_TEXT],
            at=row["transition_timestamp"],
            reason=row["reason"],
            attempt=row["attempt"],
            refusal=None if row["accepted"] else row["reason"],
            conflict=row["conflict"],
        )


def days_around(changes: list[Change]) -> set[date]:
    """Return the days of the hours that these changes touch, and those within the horizon of them."""
    return days_within([hour.date() for change in changes for hour in change.hours])


def days_within(days: list[date]) -> set[date]:
    """Return these days, and those within the horizon of them."""
    reach = range(-HORIZON.days, HORIZON.days + 1)
    return {day + timedelta(days=count) for day in days for count in reach}


def _workflows_of(snapshot: Snapshot, changes: list[Change]) -> pl.DataFrame:
    hours = {hour for change in changes for hour in change.hours}
    batches = [change.batch_id for change in changes]
    events = snapshot.events_around(sorted({hour.date() for hour in hours}))
    return events.filter(pl.col("batch_id").is_in(batches)).select("workflow_id").unique().collect()
