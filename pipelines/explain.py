"""What is behind a row of the statistics: its generations, their events, and the row computed again."""

from dataclasses import dataclass
from math import isclose
from typing import Any, NamedTuple

import polars as pl
from polars.exceptions import PolarsError

from ingest.lake import Lake
from omninode.errors import BadInput, OmninodeError
from pipelines.compute import Attempts, attempts_around, rows_from
from pipelines.cuts import GROUP_KEY
from pipelines.differences import Difference, differences
from pipelines.enums import EnumAggregationType, EnumWindowType
from pipelines.measures import PERCENTILES
from pipelines.snapshot import Snapshot, as_of_hour, days_around, snapshot_at, snapshot_of, without_batches
from pipelines.windows import Window
from sql.metric_rows import Metric, metric
from sql.metric_store import MetricStore

#: How the names of percentiles begin, whatever their unit.
_PERCENTILES = tuple(f"{name}_" for name in PERCENTILES)
_FACTS = ["workflow_id", "attempt", "kind", "event_id", "event_time", "stage_name", "topic", "partition", "offset"]


@dataclass(frozen=True, slots=True)
class Explanation:
    """A row as it is stored, as it was computed again, and the generations that it counts with their events."""

    row: Metric
    #: None: the version of the lake does not give this row.
    recomputed: Metric | None
    lake_version: int
    #: How the lake was read as it was at that version.
    way: str
    differences: tuple[Difference, ...]
    #: One row per attempt that ended or started in the window, by start and end; `counts_as` says which of both.
    generations: pl.DataFrame
    #: One row per delivery of each event of their workflows, where it stood in Kafka.
    events: pl.DataFrame

    @property
    def agrees(self) -> bool:
        """Tell whether the row computed again is the stored one."""
        return not self.differences


class _Past(NamedTuple):
    snapshot: Snapshot
    way: str


def explain(lake: Lake, store: MetricStore, aggregation_id: str) -> Explanation:
    """Explain a row by its id.

    Raises `BadInput` if there is no such row or it was made from another lake, and `OmninodeError` if its version of
    the lake cannot be told any more.
    """
    row = store.get_metric(aggregation_id)
    if row is None:
        raise BadInput(f"no row of statistics has the id {aggregation_id}; `omninode stats --format json` prints ids")
    past = _past(lake, store, row)
    window = Window(EnumWindowType(row["window_type"]), row["window_start"])
    attempts = attempts_around(past.snapshot, [window])
    recomputed = _recomputed(past.snapshot, attempts, window, row["aggregation_id"])
    found = _generations(attempts, window, row)
    return Explanation(
        row=row,
        recomputed=recomputed,
        lake_version=past.snapshot.version,
        way=past.way,
        differences=_unexplained(row, recomputed or {}),
        generations=found,
        events=_events(past.snapshot, window, found["workflow_id"]),
    )


def _past(lake: Lake, store: MetricStore, row: Metric) -> _Past:
    now = snapshot_of(lake)
    if now.lake_id != row["lake_id"]:
        raise BadInput(f"the row was made from another lake ({row['lake_id']}); set OMNINODE_LAKE to it, or refresh")
    made, checked = row["lake_version"], row["checked_lake_version"]
    then = snapshot_at(lake, made)
    if then is not None and _is_whole(then, row):
        return _Past(then, f"version {made}, which the lake still has")
    for version in dict.fromkeys((made, checked)):
        later = _later_batches(lake, store, now, version)
        if later is not None:
            way = f"today's lake without the {len(later):,} micro-batches that came after version {version}"
            return _Past(without_batches(now, version, later), way)
    raise OmninodeError(
        f"the lake has forgotten version {made}, and what came after it was not noted; "
        "`omninode refresh` with the row's window makes it anew, and then it can be explained"
    )


def _is_whole(snapshot: Snapshot, row: Metric) -> bool:
    """Tell whether the files of a version are still there: the log may be kept for a little longer than they are."""
    window = Window(EnumWindowType(row["window_type"]), row["window_start"])
    try:
        snapshot.events_around(days_around([window])).select("event_id").collect()
    except (PolarsError, OSError):
        return False
    return True


def _later_batches(lake: Lake, store: MetricStore, now: Snapshot, version: int) -> list[str] | None:
    """Return the micro-batches that came after a version, None if they are not known."""
    with store.batches() as batches:
        first = batches.first_version(now.lake_id)
        if first is None or version < first:
            return None
        noted = batches.after(now.lake_id, version)
    progress = store.progress("statistics")
    # What came since the last refresh is in the lake's log only.
    fresh = lake.changes_since(progress.lake_version) if progress else None
    if fresh is None:
        return None
    since = [change.batch_id for change in fresh if version < change.version <= now.version]
    return list(dict.fromkeys([*noted, *since]))


def _unexplained(row: Metric, recomputed: Metric) -> tuple[Difference, ...]:
    """Where the row is another one; it is computed exactly here, and may have said that its percentiles were not."""
    stated = row["duration_statistics"].get("relative_error")
    found = differences(row, recomputed)
    return found if stated is None or not recomputed else tuple(each for each in found if not _is_near(each, stated))


def _is_near(difference: Difference, relative_error: float) -> bool:
    name = difference.name.rpartition(".")[2]
    if not name.startswith(_PERCENTILES):
        return difference.name in ("duration_statistics.method", "duration_statistics.relative_error")
    before, after = difference.before, difference.after
    return None not in (before, after) and isclose(before, after, rel_tol=0, abs_tol=after * relative_error + 1e-9)


def _recomputed(snapshot: Snapshot, attempts: Attempts, window: Window, aggregation_id: str) -> Metric | None:
    as_of = as_of_hour(snapshot)
    if as_of is None:
        return None
    rows = rows_from(attempts, {window.window_type: [window]}, as_of=as_of)
    for found in rows.filter(pl.col("aggregation_id") == aggregation_id).iter_rows(named=True):
        return metric(_as_stored(found))
    return None


def _as_stored(row: dict[str, Any]) -> dict[str, Any]:
    """The database keeps four decimals of a rate."""
    rate = pl.Series([row["success_rate"]], dtype=pl.Float64)
    return row | {"success_rate": rate.cast(pl.String).str.to_decimal(scale=17).round(4).item()}


def _generations(attempts: Attempts, window: Window, row: Metric) -> pl.DataFrame:
    is_in_group = GROUP_KEY[EnumAggregationType(row["aggregation_type"])] == row["group_key"]
    started, ended = (
        pl.col(instant).is_between(window.start, window.end, closed="left").fill_null(False)
        for instant in ("started_at", "ended_at")
    )
    counts_as = pl.concat_list(pl.when(started).then(pl.lit("start")), pl.when(ended).then(pl.lit("end")))
    found = attempts.generations.filter(is_in_group, started | ended)
    return found.with_columns(counts_as.list.drop_nulls().alias("counts_as")).sort(
        "ended_at", "started_at", "workflow_id", "attempt", nulls_last=True
    )


def _events(snapshot: Snapshot, window: Window, workflows: pl.Series) -> pl.DataFrame:
    """The events near the window; those that lie further away are looked for where an attempt's start is missing."""
    wanted = workflows.unique().implode()
    near = snapshot.events_around(days_around([window]))
    found = near.filter(pl.col("workflow_id").is_in(wanted)).select(_FACTS)
    return found.collect().sort("workflow_id", "attempt", "event_time", "event_id", "topic", "partition", "offset")


__all__ = ["Explanation", "explain"]
