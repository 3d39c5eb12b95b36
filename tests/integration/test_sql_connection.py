"""What a user reads when the database cannot be used."""

import socket
import time
from urllib.parse import urlsplit

import pytest

from omninode.errors import BadInput
from sql.connection import Connection, connect, open_pool
from sql.errors import BadDatabaseUrl, CannotConnect, ConnectionLost, DatabaseError, NotMigrated, database_errors
from sql.metric_store import MetricStore
from tests.postgres import on_database

SECRET = "tr0ub4dor"


def check_message(error: BaseException, *, names: str) -> None:
    """One line that names the thing and the remedy, and never the password."""
    message = str(error)
    assert "\n" not in message
    assert names in message
    assert "OMNINODE_POSTGRES_URL" in message
    while error.__cause__ or error.__context__:
        assert SECRET not in str(error)
        error = error.__cause__ or error.__context__ or error
    assert SECRET not in str(error)


def test_nobody_listens() -> None:
    """A port without a server is named at once."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
        with pytest.raises(CannotConnect, match="Connection refused") as caught:
            connect(f"postgresql://someone:{SECRET}@127.0.0.1:{port}/omninode")
    check_message(caught.value, names=f"127.0.0.1:{port}")


def test_a_server_that_never_answers() -> None:
    """A peer that takes the connection and says nothing holds us up for the timeout only."""
    with socket.create_server(("127.0.0.1", 0)) as silent:
        port = silent.getsockname()[1]
        began = time.monotonic()
        with pytest.raises(CannotConnect, match="timeout") as caught:
            connect(f"postgresql://someone:{SECRET}@127.0.0.1:{port}/omninode?connect_timeout=2")
    assert time.monotonic() - began < 30
    check_message(caught.value, names=f"127.0.0.1:{port}")


@pytest.mark.parametrize("opening", [connect, open_pool])
def test_wrong_password(postgres_server: str, opening: object) -> None:
    """The server's refusal is passed on, without either password."""
    right = urlsplit(postgres_server).password
    assert right is not None
    with pytest.raises(CannotConnect, match="password authentication failed") as caught:
        opening(postgres_server.replace(right, SECRET))  # type: ignore[operator]
    check_message(caught.value, names="127.0.0.1")
    assert right not in str(caught.value)


def test_unknown_database(postgres_server: str) -> None:
    """A database that is not there is named."""
    with pytest.raises(CannotConnect, match="nowhere") as caught:
        connect(on_database(postgres_server, "nowhere"))
    check_message(caught.value, names="nowhere")


@pytest.mark.parametrize(
    "url", [f"postgres//someone:{SECRET}@host", f"postgresql://u:{SECRET}@[::1", f"postgresql://u:p@h/d?{SECRET}=1"]
)
def test_what_is_no_url(url: str) -> None:
    """A URL that cannot be read is bad input, and is not repeated, since a password may be in it."""
    with pytest.raises(BadDatabaseUrl) as caught:
        connect(url)
    assert isinstance(caught.value, BadInput)
    check_message(caught.value, names="postgresql://USER:PASSWORD@HOST:PORT/DATABASE")
    assert caught.value.__cause__ is None


def test_sessions_are_in_utc(database: Connection) -> None:
    """Whatever the server's own time zone."""
    assert database.execute("SHOW timezone").fetchone() == ("UTC",)


def test_tables_are_missing(empty_database_url: str) -> None:
    """A database that was never migrated says which command does it."""
    with connect(empty_database_url) as connection, pytest.raises(NotMigrated, match="omninode migrate"):
        MetricStore(connection).progress("statistics")


def test_the_server_goes_away(database_url: str) -> None:
    """A connection that is cut is a lost connection, and its cause is kept."""
    with connect(database_url) as connection, connect(database_url) as other:
        other.execute(
            "SELECT pg_terminate_backend(pid, 60000) FROM pg_stat_activity WHERE pid <> pg_backend_pid() "
            "AND datname = current_database()"
        )
        with pytest.raises(ConnectionLost) as caught:
            MetricStore(connection).progress("statistics")
    assert caught.value.__cause__ is not None
    assert "\n" not in str(caught.value)


def test_a_pool_replaces_a_broken_connection(database_url: str) -> None:
    """After the server cut it off, a pool's store works at the next call."""
    with open_pool(database_url) as pool, connect(database_url) as other:
        store = MetricStore(pool)
        assert store.progress("statistics") is None
        other.execute(
            "SELECT pg_terminate_backend(pid, 60000) FROM pg_stat_activity WHERE pid <> pg_backend_pid() "
            "AND datname = current_database()"
        )
        assert store.progress("statistics") is None


def test_what_the_server_refuses(database: Connection) -> None:
    """Any other error of the server is one line of ours."""
    with pytest.raises(DatabaseError, match="division by zero") as caught, database_errors():
        database.execute("SELECT 1 / 0")
    assert "\n" not in str(caught.value)
