"""The window statistics in PostgreSQL: whole windows are replaced, and read."""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from uuid import UUID

import polars as pl
from psycopg.rows import class_row, dict_row
from psycopg_pool import ConnectionPool

from omninode.errors import BadInput
from sql.batch_store import BatchStore
from sql.connection import Connection, Pool
from sql.errors import database_errors
from sql.metric_rows import Metric, copy_text, metric
from sql.queries import query
from sql.state_store import StateStore


@dataclass(frozen=True)
class ReplaceResult:
    """What became of the rows of one `replace_windows`."""

    inserted: int
    updated: int
    unchanged: int
    #: Rows of the given windows that the new rows lack.
    deleted: int
    #: New rows left out since their window holds what a later version of the same lake made.
    superseded: int


@dataclass(frozen=True)
class Progress:
    """How far a refresh has come: the lake, its version, and the time for which it was computed."""

    lake_id: UUID
    lake_version: int
    as_of: datetime


@dataclass(frozen=True)
class WindowMade:
    """How many generations ended in a window, as stored, and how its percentiles were made: `exact` or `ddsketch`."""

    window_type: str
    window_start: datetime
    total_generations: int
    method: str

    @property
    def is_exact(self) -> bool:
        """Tell whether the percentiles were computed from all durations."""
        return self.method == "exact"


class MetricStore:
    """The tables codegen_metrics_aggregated and refresh_progress.

    It works on one connection, for one thread at a time, or on a pool, for any number. Every method is a transaction
    of its own; `transaction` joins several. Every method raises errors of `sql.errors`.
    """

    def __init__(self, source: Connection | Pool) -> None:
        self.source = source

    @contextmanager
    def transaction(self) -> Iterator["MetricStore"]:
        """Yield a store whose calls are all kept or, if the block raises, all undone."""
        with self._transaction() as connection:
            yield MetricStore(connection)

    @contextmanager
    def trial(self) -> Iterator["MetricStore"]:
        """Yield a store whose calls see each other, and are all undone at the end: to look what a write would do."""
        with self._transaction() as connection, connection.transaction(force_rollback=True):
            yield MetricStore(connection)

    def replace_windows(
        self,
        rows: pl.DataFrame,
        windows: Sequence[tuple[str, datetime]],
        *,
        lake_id: UUID | str,
        lake_version: int,
    ) -> ReplaceResult:
        """Put rows of `METRIC_ROWS` in the place of all that these windows (window type, start) hold.

        A window that holds what a later version of the same lake made is left as it is, even when that version left it
        empty; another lake always replaces. Raises ValueError if a row belongs to none of the windows.
        """
        given = sorted(set(windows))
        _refuse_strangers(rows, given)
        parameters = {
            "window_types": [window_type for window_type, _ in given],
            "window_starts": [start for _, start in given],
            "lake_id": lake_id,
            "lake_version": lake_version,
        }
        text = copy_text(rows)
        with self._transaction() as connection, connection.cursor(row_factory=class_row(ReplaceResult)) as cursor:
            cursor.execute(query("create_incoming_metrics"))
            with cursor.copy(query("copy_incoming_metrics")) as copy:
                copy.write(text)
            cursor.execute(query("take_write_turn"))
            # Not prepared: a plan made for a few windows would be kept for a backfill of thousands.
            result = cursor.execute(query("replace_windows"), parameters, prepare=False).fetchone()
            cursor.execute(query("drop_incoming_metrics"))
        assert result is not None
        return result

    def forget_other_lakes(self, lake_id: UUID | str) -> int:
        """Delete the rows that another lake made, and return how many: this lake's versions do not explain them."""
        with self._transaction() as connection:
            connection.execute(query("take_write_turn"))
            return connection.execute(query("forget_other_lakes"), {"lake_id": lake_id}).rowcount

    def read_metrics(
        self, window_type: str, aggregation_type: str, start: datetime | None = None, end: datetime | None = None
    ) -> list[Metric]:
        """Return the rows whose window starts in [start, end), by window start, then group key.

        Their shape is that of `sql.metric_rows.metric`. A missing bound is no bound.
        """
        parameters = {"window_type": window_type, "aggregation_type": aggregation_type, "start": start, "end": end}
        with self._transaction() as connection, connection.cursor(row_factory=dict_row) as cursor:
            return [metric(row) for row in cursor.execute(query("read_metrics"), parameters, prepare=False)]

    def read_windows(self, windows: Sequence[tuple[str, datetime]]) -> list[Metric]:
        """Return every row of these windows (window type, start), by window, strategy and group."""
        given = sorted(set(windows))
        parameters = {
            "window_types": [window_type for window_type, _ in given],
            "window_starts": [start for _, start in given],
        }
        with self._transaction() as connection, connection.cursor(row_factory=dict_row) as cursor:
            return [metric(row) for row in cursor.execute(query("read_windows"), parameters, prepare=False)]

    def windows_made(self, windows: Sequence[tuple[str, datetime]]) -> list[WindowMade]:
        """Return what is stored of these windows (window type, start); those without a row are left out."""
        parameters = {
            "window_types": [window_type for window_type, _ in windows],
            "window_starts": [start for _, start in windows],
        }
        with self._transaction() as connection, connection.cursor(row_factory=class_row(WindowMade)) as cursor:
            return cursor.execute(query("get_windows_made"), parameters, prepare=False).fetchall()

    def get_metric(self, aggregation_id: UUID | str) -> Metric | None:
        """Return one row, or None. Raises `BadInput` if the id is no UUID."""
        parameters = {"aggregation_id": _uuid(aggregation_id)}
        with self._transaction() as connection, connection.cursor(row_factory=dict_row) as cursor:
            row = cursor.execute(query("get_metric"), parameters).fetchone()
        return metric(row) if row else None

    def progress(self, name: str) -> Progress | None:
        """Return how far the refresh of this name has come, or None if it has never run."""
        with self._transaction() as connection, connection.cursor(row_factory=class_row(Progress)) as cursor:
            return cursor.execute(query("get_progress"), {"name": name}).fetchone()

    def set_progress(self, name: str, *, lake_id: UUID | str, lake_version: int, as_of: datetime) -> None:
        """Record how far the refresh of this name has come. Within a lake it never goes back."""
        parameters = {"name": name, "lake_id": lake_id, "lake_version": lake_version, "as_of": as_of}
        with self._transaction() as connection:
            connection.execute(query("set_progress"), parameters)

    @contextmanager
    def batches(self) -> Iterator[BatchStore]:
        """Yield the store of the lake's micro-batches, in a transaction; in `transaction` and `trial`, in the same."""
        with self._transaction() as connection:
            yield BatchStore(connection)

    @contextmanager
    def states(self) -> Iterator[StateStore]:
        """Yield the store of the states of hours and days, in a transaction as `batches` does."""
        with self._transaction() as connection:
            yield StateStore(connection)

    @contextmanager
    def one_look(self) -> Iterator[StateStore]:
        """Yield a store of which all answers are of one moment. Not within `transaction` and `trial`."""
        with self._transaction() as connection:
            connection.execute(query("start_one_look"))
            yield StateStore(connection)

    @contextmanager
    def _transaction(self) -> Iterator[Connection]:
        with database_errors():
            if isinstance(self.source, ConnectionPool):
                with self.source.connection() as connection, connection.transaction():
                    yield connection
            else:
                with self.source.transaction():
                    yield self.source


def _refuse_strangers(rows: pl.DataFrame, windows: Sequence[tuple[str, datetime]]) -> None:
    given = {(window_type, start.astimezone(UTC)) for window_type, start in windows}
    strangers = set(rows.select("window_type", "window_start").unique().rows()) - given
    if strangers:
        raise ValueError(f"rows of windows that are not given: {sorted(strangers)[:3]}")


def _uuid(text: UUID | str) -> UUID:
    try:
        return UUID(str(text))
    except ValueError:
        raise BadInput(f"{text!r} is not the id of a row of statistics. It looks like {UUID(int=0)}.") from None


__all__ = ["MetricStore", "Progress", "ReplaceResult", "WindowMade"]
