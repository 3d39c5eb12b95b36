"""The notebooks' door: the statistics and the events as Polars frames.

    from notebooks.api import statistics
    statistics("daily", by="node_type_grouping", start="2025-10-20", end="2025-10-27")

What is embedded is started at first use, shared with a running `omninode`, and let go of when the kernel ends.
Every error is an `OmninodeError`, which a notebook shows as one line.
"""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from datetime import date, datetime
from enum import StrEnum
from pathlib import Path
from typing import TypeVar

import polars as pl

from ingest.delta_table import events_url
from ingest.lake import open_lake
from notebooks.door import DATABASE, nothing_yet, read_settings
from notebooks.frames import FRAME, flat_frame, with_gaps
from omninode.environment import instant
from omninode.errors import BadInput, OmninodeError
from pipelines.dimensions import dimension_rows
from pipelines.enums import EnumAggregationType, EnumWindowType
from pipelines.snapshot import Snapshot, snapshot_of
from sql.connection import connect
from sql.metric_store import MetricStore

_Choice = TypeVar("_Choice", bound=StrEnum)


def statistics(
    window: str, by: str = "time_window", start: date | str | None = None, end: date | str | None = None
) -> pl.DataFrame:
    """Return one row per window and group, by window start, then group key, with the columns of `FRAME`.

    `window` is hourly, daily, weekly or monthly; `by` is time_window, node_type_grouping, quality_buckets or
    domain_grouping. The rows are those whose window starts in [start, end); a time without an offset is in UTC, a
    missing bound is no bound. Durations are in seconds, rates in [0, 1]; unknown is null. A window in which nothing
    happened has no row: see `with_gaps`.

    Raises `BadInput` for an unknown window, strategy or time, and `NothingYet` where no statistics were ever made.
    """
    with _one_line_errors():
        window_type, strategy = _chosen(EnumWindowType, window, "window"), _chosen(EnumAggregationType, by, "by")
        first, last = _instant(start, "start"), _instant(end, "end")
        settings = read_settings()
        with connect(DATABASE.url(settings)) as connection:
            store = MetricStore(connection)
            rows = store.read_metrics(window_type, strategy, first, last)
            if not rows and not store.read_metrics(EnumWindowType.MONTHLY, EnumAggregationType.TIME_WINDOW):
                raise nothing_yet("the database" if settings.postgres_url else str(settings.home))
        return flat_frame(rows)


def statistics_by(
    dimensions: Sequence[str], window: str = "daily", start: date | str | None = None, end: date | str | None = None
) -> pl.DataFrame:
    """Return one row per window and combination of dimensions that occurs, computed from the lake at this moment.

    `dimensions` are any of node_type, domain, quality_bucket, model and stage; with stage, stages are counted in place
    of generations. Windows and bounds as in `statistics`; without bounds all of the lake is read. The columns are told
    in `pipelines.dimensions.dimension_rows`; money is decimal.

    Raises `BadInput` for an unknown dimension, window or time, and `NothingYet` where there is no lake.
    """
    with _one_line_errors():
        window_type = _chosen(EnumWindowType, window, "window")
        first, last = _instant(start, "start"), _instant(end, "end")
        return dimension_rows(_snapshot(), list(dimensions), window_type, start=first, end=last)


def events() -> pl.LazyFrame:
    """Return the lake's events as they are now, with the columns of `ingest.schema.EVENTS`, in no order.

    One row a delivery: what was delivered twice stands twice (`pipelines.deduplicate.distinct_events` keeps one).
    Nothing is read before `collect`; filter on `event_date` and only those days' files are.

    Raises `NothingYet` where there is no lake.
    """
    with _one_line_errors():
        return _snapshot().events()


def close() -> None:
    """Let go of the database before the kernel ends. The next call opens it again."""
    DATABASE.close()


def _snapshot() -> Snapshot:
    settings = read_settings()
    is_folder = "://" not in settings.lake
    # To open a lake is to make it if it is not there, which a reader should not.
    if is_folder and not Path(events_url(settings.lake)).exists():
        raise nothing_yet(settings.lake)
    return snapshot_of(open_lake(settings.lake, settings.lake_options))


@contextmanager
def _one_line_errors() -> Iterator[None]:
    """Let IPython show an error that is meant for the user without a traceback."""
    try:
        yield
    except OmninodeError as error:
        line = f"{type(error).__name__}: {error}"
        error._render_traceback_ = lambda: [line]  # type: ignore[attr-defined]
        raise


def _chosen(choices: type[_Choice], name: str, argument: str) -> _Choice:
    try:
        return choices(name)
    except ValueError:
        raise BadInput(f"{argument}: {name!r} is none of {', '.join(choices)}") from None


def _instant(time: date | str | None, argument: str) -> datetime | None:
    return None if time is None else instant(str(time), argument)


__all__ = ["FRAME", "close", "events", "statistics", "statistics_by", "with_gaps"]
