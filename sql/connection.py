"""Connections to PostgreSQL from a URL."""

import select
from typing import Any, TypeAlias

import psycopg
from psycopg.conninfo import conninfo_to_dict, make_conninfo
from psycopg_pool import ConnectionPool

from sql.errors import BadDatabaseUrl, CannotConnect, database_errors, reason

Connection: TypeAlias = psycopg.Connection[tuple[Any, ...]]
Pool: TypeAlias = ConnectionPool[Connection]

#: How long a server that does not answer may hold us up, in seconds. `connect_timeout` in the URL overrides it.
CONNECT_TIMEOUT = 5


def connect(url: str) -> Connection:
    """Open a connection in autocommit mode, in UTC. As a context manager it closes itself.

    Raises `BadDatabaseUrl` for what is no URL. Raises `CannotConnect`, in one line without the password, if the
    server refuses or does not answer within 5 seconds.
    """
    conninfo = _conninfo(url)
    try:
        connection = psycopg.connect(conninfo, autocommit=True)
    except psycopg.OperationalError as error:
        raise CannotConnect(_why_not(conninfo, reason(error))) from error
    with database_errors():
        _configure(connection)
    return connection


def open_pool(url: str, *, max_size: int = 8) -> Pool:
    """Open a pool of such connections; one that broke is replaced. As a context manager it closes itself.

    Raises what `connect` raises.
    """
    connect(url).close()
    return ConnectionPool(
        _conninfo(url),
        min_size=1,
        max_size=max_size,
        kwargs={"autocommit": True},
        configure=_configure,
        check=_check,
        open=True,
        timeout=CONNECT_TIMEOUT,
    )


def _check(connection: Connection) -> None:
    """Raise if the connection broke: one that the server ended has something to read, so a sound one costs no trip."""
    poll = select.poll()
    poll.register(connection.fileno(), select.POLLIN)
    if poll.poll(0):
        ConnectionPool.check_connection(connection)


def _configure(connection: Connection) -> None:
    connection.execute("SET TIME ZONE 'UTC'")


def _conninfo(url: str) -> str:
    given = _parsed(url)
    if given is None:
        raise BadDatabaseUrl(
            "The database URL cannot be read. Set OMNINODE_POSTGRES_URL to "
            "postgresql://USER:PASSWORD@HOST:PORT/DATABASE, with special characters of the password percent-encoded."
        )
    timeout = given.get("connect_timeout", CONNECT_TIMEOUT)
    return make_conninfo(url, connect_timeout=timeout, application_name="omninode")


def _parsed(url: str) -> dict[str, Any] | None:
    """Return the parts of a URL, or None. The driver's own error repeats the URL and so the password: it ends here."""
    try:
        return conninfo_to_dict(url)
    except psycopg.ProgrammingError:
        return None


def _why_not(conninfo: str, why: str) -> str:
    given = conninfo_to_dict(conninfo)
    server = f"{given.get('host', 'localhost')}:{given.get('port', 5432)}"
    return f"Cannot connect to PostgreSQL at {server}: {why}. Start that server, or correct OMNINODE_POSTGRES_URL."


__all__ = ["CONNECT_TIMEOUT", "Connection", "Pool", "connect", "open_pool"]
