"""From a snapshot of the lake to the rows of some windows."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from itertools import chain

import polars as pl

from pipelines.breakdowns import breakdowns
from pipelines.deduplicate import distinct_events
from pipelines.dirty import Windows
from pipelines.generations import UNKNOWN, generations_of
from pipelines.pieces import pieces
from pipelines.rows import metric_rows
from pipelines.runs import runs_of
from pipelines.schema import STATISTICS_KEY
from pipelines.snapshot import Snapshot, days_around
from pipelines.stages import stages_of
from pipelines.statistics import all_statistics
from pipelines.windows import Window
from sql.metric_rows import METRIC_ROWS

#: The columns of events that generations are made of.
NEEDED = [
    "kind",
    "event_id",
    "workflow_id",
    "attempt",
    "event_time",
    "node_type",
    "domain",
    "primary_model",
    "stage_name",
    "stage_number",
    "stage_success",
    "duration_seconds",
    "quality_score",
    "tokens",
    "cost_usd",
    "ingested_at",
    "topic",
    "partition",
    "offset",
]


@dataclass(frozen=True, slots=True)
class Attempts:
    """Generations as in `schema.GENERATIONS`, and the stages of those that ended as in `schema.STAGES`."""

    generations: pl.DataFrame
    stages: pl.DataFrame


def rows_of(snapshot: Snapshot, windows: Windows, *, as_of: datetime) -> pl.DataFrame:
    """Compute the rows of these windows by all four strategies: see `sql.metric_rows.METRIC_ROWS`."""
    parts = [
        rows_from(attempts_around(snapshot, [*chain(*piece.values())]), piece, as_of=as_of) for piece in pieces(windows)
    ]
    return pl.concat([METRIC_ROWS.to_frame(), *parts]).sort(STATISTICS_KEY)


def rows_from(attempts: Attempts, windows: Windows, *, as_of: datetime) -> pl.DataFrame:
    """Compute the rows of these windows from the attempts that concern them."""
    statistics = all_statistics(attempts.generations, windows, as_of=as_of)
    return metric_rows(statistics, breakdowns(attempts.generations, attempts.stages, windows))


def attempts_of(events: pl.LazyFrame, /) -> Attempts:
    """Return the attempts that some of the lake's events tell of: all events of each workflow must be given."""
    runs = runs_of(distinct_events(events.collect()))
    found = generations_of(runs)
    return Attempts(found, stages_of(runs, found))


def attempts_around(snapshot: Snapshot, windows: Sequence[Window]) -> Attempts:
    """Return the attempts of the windows, and those of the days around them as far as is known there."""
    return whole_attempts(snapshot, windows, snapshot.events_around(days_around(windows)).select(NEEDED))


def attempts_within(snapshot: Snapshot, windows: Sequence[Window]) -> Attempts:
    """Return the attempts of the workflows that have an event in the windows: few, where the days are full."""
    return whole_attempts(snapshot, windows, events_within(snapshot, windows))


def events_within(snapshot: Snapshot, windows: Sequence[Window]) -> pl.LazyFrame:
    """Return the events, in the days around the windows, of the workflows that have one in the windows."""
    near = snapshot.events_around(days_around(windows)).select(NEEDED)
    is_within = pl.any_horizontal(
        pl.col("event_time").is_between(first, last, closed="left") for first, last in _stretches(windows)
    )
    concerned = near.filter(is_within).select(pl.col("workflow_id").unique()).collect().to_series()
    return near.filter(pl.col("workflow_id").is_in(concerned.implode()))


def whole_attempts(snapshot: Snapshot, windows: Sequence[Window], near: pl.LazyFrame) -> Attempts:
    """Return the attempts that events tell of; of those in the windows of which they tell too little, all is read.

    near: of each workflow in it all events of the days around the windows.
    """
    found = attempts_of(near)
    strays = _strays(found.generations, windows)
    if strays.is_empty():
        return found
    whole = attempts_of(_events_of(snapshot, strays))
    is_stray = pl.col("workflow_id").is_in(strays.implode())
    return Attempts(
        pl.concat([found.generations.filter(~is_stray), whole.generations]),
        pl.concat([found.stages.filter(~is_stray), whole.stages]),
    )


def _stretches(windows: Sequence[Window]) -> list[tuple[datetime, datetime]]:
    """The time of the windows, those that follow each other joined."""
    found: list[tuple[datetime, datetime]] = []
    for window in sorted(windows):
        if found and found[-1][1] >= window.start:
            found[-1] = (found[-1][0], max(found[-1][1], window.end))
        else:
            found.append((window.start, window.end))
    return found


def events_around(snapshot: Snapshot, windows: Sequence[Window]) -> pl.DataFrame:
    """Return the events that `attempts_around` looks at: for those who want to tell the same in another way."""
    near = snapshot.events_around(days_around(windows)).select(NEEDED).collect()
    strays = _strays(attempts_of(near.lazy()).generations, windows)
    if strays.is_empty():
        return near
    further = _events_of(snapshot, strays).collect()
    return pl.concat([near.filter(~pl.col("workflow_id").is_in(strays.implode())), further])


def _strays(found: pl.DataFrame, windows: Sequence[Window]) -> pl.Series:
    """Workflows of these windows whose beginnings lie further away: rare enough to look for in the whole lake."""
    strays = found.filter(_is_stray())["workflow_id"].unique()
    if strays.is_empty():
        return strays
    concerned = found.filter(pl.col("workflow_id").is_in(strays.implode()), _is_between(windows))
    return concerned["workflow_id"].unique()


def _events_of(snapshot: Snapshot, workflows: pl.Series) -> pl.LazyFrame:
    return snapshot.events().select(NEEDED).filter(pl.col("workflow_id").is_in(workflows.implode()))


def _is_between(windows: Sequence[Window]) -> pl.Expr:
    """Started or ended between the first and the last of the windows."""
    first, last = min(window.start for window in windows), max(window.end for window in windows)
    return pl.any_horizontal(
        pl.col(instant).is_between(first, last, closed="left") for instant in ("started_at", "ended_at")
    )


def _is_stray() -> pl.Expr:
    """Ended, but neither it nor what is near says what it was, and its start was not seen."""
    nameless = (pl.col("node_type") == UNKNOWN) | (pl.col("domain") == UNKNOWN)
    return nameless & pl.col("started_at").is_null() & pl.col("ended_at").is_not_null()
