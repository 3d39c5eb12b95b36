"""From a snapshot of the lake to the rows of some windows."""

from collections.abc import Sequence
from datetime import datetime

import polars as pl

from pipelines.dirty import Windows
from pipelines.generations import UNKNOWN, generations
from pipelines.rows import metric_rows
from pipelines.snapshot import Snapshot, days_around
from pipelines.statistics import all_statistics
from pipelines.windows import Window

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
    "duration_seconds",
    "quality_score",
    "tokens",
    "cost_usd",
    "ingested_at",
    "topic",
    "partition",
    "offset",
]


def rows_of(snapshot: Snapshot, windows: Windows, *, as_of: datetime) -> pl.DataFrame:
    """Compute the rows of these windows by all four strategies: see `sql.metric_rows.METRIC_ROWS`."""
    wanted = [window for of_type in windows.values() for window in of_type]
    if not wanted:
        return metric_rows(all_statistics(generations(snapshot.events()), {}, as_of=as_of))
    found = generations_around(snapshot, wanted)
    return metric_rows(all_statistics(found, windows, as_of=as_of))


def generations_around(snapshot: Snapshot, windows: Sequence[Window]) -> pl.DataFrame:
    """Return the generations of the windows, and those of the days around them as far as is known there."""
    days = days_around(windows)
    near = snapshot.events_around(days).select(NEEDED)
    found = generations(near).collect()
    concerned = found.filter(_is_between(windows))["workflow_id"].unique()
    strays = found.filter(_is_stray(), pl.col("workflow_id").is_in(concerned.implode()))["workflow_id"].unique()
    if strays.is_empty():
        return found
    # Their beginnings lie further away: rare enough to look through the whole lake for them.
    everywhere = snapshot.events().select(NEEDED).filter(pl.col("workflow_id").is_in(strays.implode()))
    whole = generations(everywhere).collect()
    return pl.concat([found.filter(~pl.col("workflow_id").is_in(strays.implode())), whole])


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
