"""A PostgreSQL of a test's own, which it may stop, kill and start again on the same address."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from urllib.parse import urlsplit

from sql.connection import connect
from sql.embedded import embedded_postgres
from sql.embedded_account import account_for, run_as
from sql.embedded_place import known_place, reachable_place, reachable_programs
from sql.embedded_process import end
from sql.migrate import migrate
from tests.postgres import state_folder


class OwnPostgres:
    """A server that runs when it is made."""

    def __init__(self, folder: Path, url: str) -> None:
        self.url = url
        self.folder = folder

    def stop(self) -> None:
        """Stop the server; its users lose their connections."""
        end(known_place(self.folder) / "data")

    def start(self) -> None:
        """Start the server again, on its old port, and return when it answers."""
        data = known_place(self.folder) / "data"
        account = account_for(data)
        place = reachable_place(self.folder, account)
        programs = reachable_programs(place, account)
        port = urlsplit(self.url).port
        command = ["start", "--wait", f"--pgdata={data}", f"--log={data / 'server.log'}", f"--options=-p {port}"]
        done = run_as(account, [programs / "pg_ctl", *command])
        assert done.returncode == 0, done.stdout


@contextmanager
def own_postgres() -> Iterator[OwnPostgres]:
    """Yield a server with all tables, empty."""
    with state_folder() as folder, embedded_postgres(folder) as url:
        with connect(url) as connection:
            migrate(connection)
        yield OwnPostgres(folder, url)
