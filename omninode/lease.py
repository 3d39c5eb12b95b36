"""Share one embedded server among the processes that use it, and stop it with the last of them.

A user holds a shared lock on `users.lock` in the server's folder for as long as it uses the server. Who leaves tries
to turn its lock into an exclusive one: if that works, nobody else is left, and the server is stopped. The kernel drops
the locks of a process that dies, so a `kill -9` leaves no stale user behind; the server it may leave is found and
adopted by the next one.
"""

import fcntl
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Protocol, TypeVar

from omninode.errors import OmninodeError

Server = TypeVar("Server")


class ServerKeeper(Protocol[Server]):
    """How one kind of embedded server is found, started and stopped."""

    def find(self) -> Server | None:
        """Return the server that runs already, or None."""

    def start(self) -> Server:
        """Start the server and return when it answers."""

    def stop(self, server: Server, /) -> None:
        """Stop the server and return when it is gone."""


@contextmanager
def lease(folder: Path, keeper: ServerKeeper[Server]) -> Iterator[Server]:
    """Yield the server of this folder, started if need be; the last user to leave stops it.

    Raises `OmninodeError` if the folder cannot be used.
    """
    users = _open_in(folder)
    try:
        with _turn(folder):
            fcntl.flock(users, fcntl.LOCK_SH)
            server = keeper.find() or keeper.start()
        try:
            yield server
        finally:
            with _turn(folder):
                if _alone(users):
                    keeper.stop(server)
    finally:
        os.close(users)


@contextmanager
def _turn(folder: Path) -> Iterator[None]:
    """Only one process at a time starts or stops the server of a folder."""
    turn = _open(folder / "turn.lock")
    try:
        fcntl.flock(turn, fcntl.LOCK_EX)
        yield
    finally:
        os.close(turn)


def _alone(users: int) -> bool:
    try:
        fcntl.flock(users, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True


def _open_in(folder: Path) -> int:
    try:
        folder.mkdir(parents=True, exist_ok=True)
        return _open(folder / "users.lock")
    except OSError as error:
        raise OmninodeError(
            f"{folder} cannot be used: {error.strerror}; set OMNINODE_HOME to a folder of your own"
        ) from error


def _open(path: Path) -> int:
    return os.open(path, os.O_RDWR | os.O_CREAT, 0o644)


__all__ = ["ServerKeeper", "lease"]
