"""What can go wrong with the database, in words for the user. The driver's own error is kept as the cause."""

import re
from collections.abc import Iterator
from contextlib import contextmanager

import psycopg
from psycopg import errors as driver

from omninode.errors import BadInput, OmninodeError


class DatabaseError(OmninodeError):
    """The database could not do what was asked."""


class CannotConnect(DatabaseError):
    """The server does not answer, or does not let us in."""


class ConnectionLost(DatabaseError):
    """The server went away in the middle of the work."""


class NotMigrated(DatabaseError):
    """A table or column that the program needs is not in the database."""


class NotAllowed(DatabaseError):
    """The database user lacks a privilege."""


class DatabaseNewer(DatabaseError):
    """The database has seen a migration that this version of the program does not know."""


class MigrationEdited(DatabaseError):
    """A migration was changed after it had been applied."""


class EmbeddedServerFailed(DatabaseError):
    """The embedded server is not installed, or did not start."""


class BadDatabaseUrl(BadInput):
    """The database URL cannot be read."""


@contextmanager
def database_errors() -> Iterator[None]:
    """Turn an error of the driver into one of ours, once."""
    try:
        yield
    except psycopg.Error as error:
        raise _translated(error) from error


def reason(error: psycopg.Error) -> str:
    """Return the first line of what the server or the driver says, without the driver's preamble.

    >>> reason(psycopg.OperationalError('connection failed: connection to server at "127.0.0.1", port 1 failed: '
    ...     'Connection refused\\n\\tIs the server running on that host?'))
    'Connection refused'
    """
    text = error.diag.message_primary or str(error) or type(error).__name__
    found = re.search(r"port \d+ failed: (?:FATAL: *)?(.+)", text)
    return (found[1] if found else text.splitlines()[0]).strip().rstrip(".")


def _translated(error: psycopg.Error) -> DatabaseError:
    match error:
        case driver.UndefinedTable() | driver.UndefinedColumn():
            return NotMigrated(f"The database is not ready: {reason(error)}. Run `omninode migrate`.")
        case driver.InsufficientPrivilege():
            return NotAllowed(f"The database user may not do this: {reason(error)}. Grant it a role of sql/roles.sql.")
        case psycopg.OperationalError() | psycopg.InterfaceError():
            return ConnectionLost(f"The database did not finish: {reason(error)}. See that it runs, then try again.")
        case _:
            return DatabaseError(f"The database refused: {reason(error)}.")


__all__ = [
    "BadDatabaseUrl",
    "CannotConnect",
    "ConnectionLost",
    "DatabaseError",
    "DatabaseNewer",
    "EmbeddedServerFailed",
    "MigrationEdited",
    "NotAllowed",
    "NotMigrated",
    "database_errors",
    "reason",
]
