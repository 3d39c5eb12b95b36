"""A real PostgreSQL for the tests: one server for the session, and for each test a database of its own."""

import os
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit
from uuid import NAMESPACE_OID, uuid4, uuid5

import polars as pl
import pytest

from sql.connection import Connection, connect
from sql.embedded import embedded_postgres
from sql.metric_rows import METRIC_ROWS
from sql.migrate import migrate

_TEMPLATE = "template_omninode"
HOUR = datetime(2025, 10, 24, 10, tzinfo=UTC)


@contextmanager
def state_folder() -> Iterator[Path]:
    """Yield a folder for embedded servers that their account can reach; remove it with all that they kept elsewhere."""
    folder = Path(tempfile.mkdtemp(prefix="omninode-tests-"))
    folder.chmod(0o711)
    try:
        yield folder
    finally:
        remove_state(folder)


def remove_state(folder: Path) -> None:
    """Remove a state folder and the data that an unreachable one keeps elsewhere."""
    for link in folder.rglob("elsewhere"):
        shutil.rmtree(link.resolve(), ignore_errors=True)
    shutil.rmtree(folder)


def on_database(url: str, name: str) -> str:
    """Return the URL of another database of the same server."""
    return urlsplit(url)._replace(path=f"/{name}").geturl()


@contextmanager
def a_database(server: str, template: str) -> Iterator[str]:
    """Yield the URL of a new database, a copy of the template, and drop it with all its connections."""
    name = f"test_{uuid4().hex}"
    with connect(server) as connection:
        connection.execute(f"CREATE DATABASE {name} TEMPLATE {template}")
        try:
            yield on_database(server, name)
        finally:
            connection.execute(f"DROP DATABASE {name} WITH (FORCE)")


@pytest.fixture(scope="session")
def postgres_server() -> Iterator[str]:
    """The URL of a server for the whole session."""
    with state_folder() as folder, embedded_postgres(folder) as url:
        with connect(url) as connection:
            # No test pulls the plug of the machine, and a database for each test means many files.
            connection.execute("ALTER SYSTEM SET fsync = off")
            connection.execute("SELECT pg_reload_conf()")
        yield url


@pytest.fixture(scope="session")
def postgres_template(postgres_server: str) -> str:
    """The name of a database with all tables, empty, to be copied."""
    with connect(postgres_server) as connection:
        connection.execute(f"CREATE DATABASE {_TEMPLATE}")
    with connect(on_database(postgres_server, _TEMPLATE)) as connection:
        migrate(connection)
    return _TEMPLATE


@pytest.fixture
def database_url(postgres_server: str, postgres_template: str) -> Iterator[str]:
    """The URL of a database with all tables, empty."""
    with a_database(postgres_server, postgres_template) as url:
        yield url


@pytest.fixture
def empty_database_url(postgres_server: str) -> Iterator[str]:
    """The URL of a database without tables."""
    with a_database(postgres_server, "template0") as url:
        yield url


@pytest.fixture
def database(database_url: str) -> Iterator[Connection]:
    """A connection to a database with all tables, empty."""
    with connect(database_url) as connection:
        yield connection


def metric_row(**changes: Any) -> dict[str, Any]:
    """Return one believable row of `METRIC_ROWS`, but for these changes."""
    row: dict[str, Any] = {
        "window_type": "hourly",
        "window_start": HOUR,
        "aggregation_type": "node_type_grouping",
        "group_key": "effect",
        "total_generations": 150,
        "successful_generations": 142,
        "failed_generations": 8,
        "success_rate": 142 / 150,
        "started_generations": 151,
        "in_flight_generations": 1,
        "abandoned_generations": 0,
        "conflicting_terminal_events": 0,
        "duration_statistics": '{"avg_seconds": 2.3, "p99_seconds": null, "n": 142, "method": "exact"}',
        "quality_statistics": '{"avg_score": 0.87, "n": 142}',
        "cost_statistics": '{"total_tokens": 180000, "total_cost_usd": 18.00, "avg_cost_per_generation": 0.12}',
    } | changes
    name = "|".join(str(row[part]) for part in ("window_type", "window_start", "aggregation_type", "group_key"))
    return {
        "aggregation_id": str(uuid5(NAMESPACE_OID, name)),
        "window_end": row["window_start"] + timedelta(hours=1),
        **row,
    }


def metric_rows(*rows: dict[str, Any]) -> pl.DataFrame:
    """Return these rows as the frame that the store takes."""
    return pl.DataFrame(list(rows), schema=METRIC_ROWS)


def as_root() -> bool:
    """Tell whether the tests run as root, which lends the server another account."""
    return os.geteuid() == 0


__all__ = [
    "HOUR",
    "a_database",
    "as_root",
    "database",
    "database_url",
    "empty_database_url",
    "metric_row",
    "metric_rows",
    "on_database",
    "postgres_server",
    "postgres_template",
    "remove_state",
    "state_folder",
]
