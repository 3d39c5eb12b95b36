"""Statistics by any dimensions together, straight from the lake: pairs such as node type and domain are not stored.

from pipelines.dimensions import dimension_rows
dimension_rows(snapshot_of(lake), ["node_type", "domain"], EnumWindowType.DAILY, start=..., end=...)
"""

from collections.abc import Sequence
from datetime import datetime, timedelta

import polars as pl

from omninode.errors import BadInput
from pipelines.breakdowns import stage_statistics
from pipelines.compute import Attempts, attempts_around
from pipelines.enums import EnumAggregationType, EnumWindowType
from pipelines.generations import UNKNOWN
from pipelines.schema import STAGE_STATISTICS, STATISTICS, STATISTICS_KEY
from pipelines.snapshot import Snapshot, as_of_hour
from pipelines.statistics import window_statistics
from pipelines.windows import Window, windows_between

#: What one may group by, and the column of it. With `stage`, stages are counted in place of generations.
DIMENSIONS = {
    "node_type": "node_type",
    "domain": "domain",
    "quality_bucket": "quality_bucket",
    "model": "primary_model",
    "stage": "stage",
}


def dimension_rows(
    snapshot: Snapshot,
    dimensions: Sequence[str],
    window_type: EnumWindowType,
    *,
    start: datetime | None = None,
    end: datetime | None = None,
) -> pl.DataFrame:
    """One row per window and combination of the dimensions that occurs, by window start, then the dimensions.

    Columns: window_type, window_start, window_end, those of `dimensions`, and the measures of `schema.STATISTICS` or,
    with the dimension `stage`, of `schema.STAGE_STATISTICS`. The windows are those that start in [start, end); a
    missing bound is that of the lake's events. Unknown names are 'unknown', unknown numbers null.

    Raises `BadInput` for an unknown dimension, one named twice, or none.
    """
    _refuse_unknown(dimensions)
    windows = _windows(snapshot, window_type, start, end)
    as_of = as_of_hour(snapshot)
    measures = STAGE_STATISTICS if "stage" in dimensions else STATISTICS
    wanted = [name for name in measures if name not in (*STATISTICS_KEY, "stage", "window_end")]
    columns = ["window_type", "window_start", "window_end", *dimensions, *wanted]
    if not windows or as_of is None:
        schema = {name: measures.get(name, STATISTICS.get(name, pl.String())) for name in columns}
        return pl.DataFrame(schema=schema)
    attempts = attempts_around(snapshot, windows)
    found = _measured(attempts, dimensions, window_type, windows, as_of)
    return found.select(columns).sort("window_start", *dimensions)


def parse_dimensions(text: str) -> list[str]:
    """Split what a person wrote. Raises `BadInput` as `dimension_rows` does.

    >>> parse_dimensions("node_type, domain")
    ['node_type', 'domain']
    """
    dimensions = [name.strip() for name in text.split(",")]
    _refuse_unknown(dimensions)
    return dimensions


def _measured(
    attempts: Attempts, dimensions: Sequence[str], window_type: EnumWindowType, windows: list[Window], as_of: datetime
) -> pl.DataFrame:
    whole = EnumAggregationType.TIME_WINDOW
    if "stage" in dimensions:
        others = [name for name in dimensions if name != "stage"]
        stages = _with_dimensions(attempts.stages, others)
        return stage_statistics(stages, [(window_type, whole, windows)], by=others).collect()
    generations = _with_dimensions(attempts.generations, dimensions)
    return window_statistics(generations, window_type, whole, as_of=as_of, windows=windows, by=dimensions).collect()


def _with_dimensions(frame: pl.DataFrame, dimensions: Sequence[str]) -> pl.LazyFrame:
    return frame.lazy().with_columns(pl.col(DIMENSIONS[name]).fill_null(UNKNOWN).alias(name) for name in dimensions)


def _windows(
    snapshot: Snapshot, window_type: EnumWindowType, start: datetime | None, end: datetime | None
) -> list[Window]:
    """The windows that start in [start, end); only where a bound is missing are the lake's events asked for it."""
    if start is None or end is None:
        time = pl.col("event_time")
        first, last = snapshot.events().select(time.min().alias("first"), time.max().alias("last")).collect().row(0)
        if first is None:
            return []
        # A window that began before the first event may hold it.
        bounds = (start or first, end or last + timedelta(microseconds=1))
        found = windows_between(*bounds, window_type)
        return [window for window in found if start is None or window.start >= start]
    return [window for window in windows_between(start, end, window_type) if window.start >= start]


def _refuse_unknown(dimensions: Sequence[str]) -> None:
    for name in dimensions:
        if name not in DIMENSIONS:
            raise BadInput(f"{name!r} is no dimension; take some of {', '.join(DIMENSIONS)}")
    if not dimensions or len(set(dimensions)) < len(dimensions):
        raise BadInput("name each dimension once, at least one")
