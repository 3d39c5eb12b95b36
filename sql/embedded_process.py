"""The process of an embedded server, by the file postmaster.pid in its data folder."""

import os
import signal
import time
from pathlib import Path

#: What is tried to end a server, and how long each may take, in seconds: a fast shutdown, which leaves a clean
#: database; an immediate one, which is repaired at the next start; and the kernel.
_ENDINGS = ((signal.SIGINT, 30.0), (signal.SIGQUIT, 10.0), (signal.SIGKILL, 10.0))
_TICK_SECONDS = 0.005


def serving_pid(data: Path) -> int | None:
    """Return the pid of the server that runs on this data folder, or None.

    The pid in the file may by now be that of another program, so the command line has to name the data folder.
    """
    lines = _lines(data)
    if not lines or not lines[0].isdigit():
        return None
    pid = int(lines[0])
    return pid if f" -D {data} " in _command_line(pid) else None


def ready_port(data: Path) -> int | None:
    """Return the port of a server that has come up, or None while it starts or ends."""
    lines = _lines(data)
    return int(lines[3]) if len(lines) > 7 and lines[7].strip() == "ready" else None


def disown_reused_pid(data: Path) -> None:
    """Let PostgreSQL see that the pid in a stale file, which another program may have by now, is not a server's.

    PostgreSQL takes any live process of its account for the old server, except the one that starts it: so our own pid
    is written there. The rest of the file stays, by which it still finds out if a process of the old server is left.
    """
    file = data / "postmaster.pid"
    lines = _lines(data)
    if lines and serving_pid(data) is None:
        file.write_text("\n".join([str(os.getpid()), *lines[1:], ""]), encoding="utf-8")
    elif not lines:
        file.unlink(missing_ok=True)


def end(data: Path) -> None:
    """End the server of this data folder, and return when it is gone."""
    for ending, seconds in _ENDINGS:
        pid = serving_pid(data)
        if pid is None:
            return
        os.kill(pid, ending)
        _wait_until_gone(pid, data, seconds)


def _wait_until_gone(pid: int, data: Path, seconds: float) -> None:
    deadline = time.monotonic() + seconds
    while f" -D {data} " in _command_line(pid) and time.monotonic() < deadline:
        time.sleep(_TICK_SECONDS)


def _lines(data: Path) -> list[str]:
    try:
        return (data / "postmaster.pid").read_text(encoding="utf-8").splitlines()
    except FileNotFoundError:
        return []


def _command_line(pid: int) -> str:
    """Return the words of a live process, each followed by a space; of a dead one, nothing."""
    try:
        return Path(f"/proc/{pid}/cmdline").read_text(encoding="utf-8", errors="replace").replace("\0", " ")
    except OSError:
        return ""


__all__ = ["disown_reused_pid", "end", "ready_port", "serving_pid"]
