"""The database that a command or a public class uses: the one that is set, else the embedded one."""

from collections.abc import Iterator
from contextlib import contextmanager

from omninode.settings import Settings
from sql.connection import connect
from sql.embedded import embedded_postgres
from sql.migrate import migrate


@contextmanager
def postgres(settings: Settings) -> Iterator[str]:
    """Yield the URL of the database. The embedded one has its tables; for another there is `omninode migrate`."""
    if settings.postgres_url is not None:
        yield settings.postgres_url
        return
    with embedded_postgres(settings.home / "postgres") as url:
        with connect(url) as connection:
            migrate(connection)
        yield url


__all__ = ["postgres"]
