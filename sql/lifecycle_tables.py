"""What those who work on the lifecycle tables have in common."""

from collections.abc import Iterator
from contextlib import contextmanager

import polars as pl
from psycopg_pool import ConnectionPool

from sql.connection import Connection, Pool
from sql.errors import database_errors


class LifecycleTables:
    """The tables workflow_state_current and workflow_state_history.

    It works on one connection, for one thread at a time, or on a pool, for any number. Every method is a transaction
    of its own. Every method raises errors of `sql.errors`.
    """

    def __init__(self, source: Connection | Pool) -> None:
        self.source = source

    @contextmanager
    def _connection(self) -> Iterator[Connection]:
        with database_errors():
            if isinstance(self.source, ConnectionPool):
                with self.source.connection() as connection:
                    yield connection
            else:
                yield self.source


def copy_rows(connection: Connection, statement: str, rows: pl.DataFrame) -> None:
    """Copy a frame by a COPY statement whose columns stand in the order of the frame's."""
    with connection.cursor().copy(statement) as copy:
        copy.write(rows.write_csv(include_header=False, datetime_format="%Y-%m-%dT%H:%M:%S%.6fZ").encode())
