"""A server is started for its first user and stopped by its last, and a folder that cannot be is named."""

import subprocess
import sys
from contextlib import ExitStack
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from omninode.errors import OmninodeError
from omninode.lease import lease


@dataclass
class SleepKeeper:
    """Keeps a process that only sleeps: the plainest server there is."""

    running: "list[subprocess.Popen[bytes]]" = field(default_factory=list)

    def find(self) -> "subprocess.Popen[bytes] | None":
        """Return the process, if it is there."""
        return self.running[-1] if self.running and self.running[-1].poll() is None else None

    def start(self) -> "subprocess.Popen[bytes]":
        """Start one."""
        self.running.append(subprocess.Popen([sys.executable, "-c", "import time; time.sleep(60)"]))
        return self.running[-1]

    def stop(self, server: "subprocess.Popen[bytes]", /) -> None:
        """End it."""
        server.kill()
        server.wait()


def test_users_share_one_server_in_whichever_order_they_leave(tmp_path: Path) -> None:
    """Three users have one server, which ends with the last of them; a fourth gets a new one."""
    keeper = SleepKeeper()
    with ExitStack() as users:
        servers = [users.enter_context(lease(tmp_path, keeper)) for _ in range(2)]
        with lease(tmp_path, keeper) as third:
            assert {*servers, third} == {third}
        assert third.poll() is None
    assert third.poll() is not None
    with lease(tmp_path, keeper) as fourth:
        assert fourth is not third
    assert keeper.find() is None


def test_server_is_stopped_when_its_user_fails(tmp_path: Path) -> None:
    """An error in the block ends the server as well, and is passed on."""
    keeper = SleepKeeper()
    with pytest.raises(RuntimeError, match="oops"), lease(tmp_path, keeper):
        raise RuntimeError("oops")
    assert keeper.find() is None


def test_folder_that_cannot_be_names_the_setting(tmp_path: Path) -> None:
    """A file where the folder should be gives one line with the remedy."""
    (tmp_path / "file").write_text("")
    with pytest.raises(OmninodeError, match="OMNINODE_HOME"), lease(tmp_path / "file" / "deeper", SleepKeeper()):
        pass
