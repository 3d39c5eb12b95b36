"""The roles for those who read and those who write."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from uuid import uuid4

import pytest

import sql
from sql.connection import Connection
from sql.errors import NotAllowed, database_errors
from sql.metric_store import MetricStore
from tests.postgres import HOUR, metric_row, metric_rows

ROLES = Path(sql.__file__).with_name("roles.sql").read_text()


@contextmanager
def role(database: Connection, name: str) -> Iterator[None]:
    database.execute(f"SET ROLE {name}")
    yield
    database.execute("RESET ROLE")


@pytest.fixture
def granted(database: Connection) -> Connection:
    """A database on which the file was run twice: again does no harm."""
    database.execute(ROLES)
    database.execute(ROLES)
    return database


def test_a_reader_reads_every_table_and_writes_none(granted: Connection) -> None:
    """Every table of ours can be read but for the migrations' own, and none changed."""
    tables = [name for (name,) in granted.execute("SELECT tablename FROM pg_tables WHERE schemaname = 'public'")]
    ours = sorted(set(tables) - {"schema_migrations"})
    assert len(ours) >= 6
    with role(granted, "omninode_reader"):
        for table in ours:
            assert granted.execute(f"SELECT count(*) FROM {table}").fetchone() == (0,)
            with pytest.raises(NotAllowed, match=r"roles\.sql"), database_errors():
                granted.execute(f"DELETE FROM {table}")


def test_a_writer_refreshes_and_changes_no_table(granted: Connection) -> None:
    """All that the store does is allowed to a writer; the tables' shape is not its business."""
    with role(granted, "omninode_writer"):
        store = MetricStore(granted)
        done = store.replace_windows(metric_rows(metric_row()), [("hourly", HOUR)], lake_id=uuid4(), lake_version=1)
        store.set_progress("statistics", lake_id=uuid4(), lake_version=1, as_of=HOUR)
        assert done.inserted == len(store.read_metrics("hourly", "node_type_grouping")) == 1
        with pytest.raises(NotAllowed), database_errors():
            granted.execute("ALTER TABLE refresh_progress ADD COLUMN x INTEGER")
