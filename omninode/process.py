"""Processes that outlive the one which started them: told apart from a later one with the same number, and ended."""

import os
import signal
import socket
import subprocess
from contextlib import suppress
from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from random import SystemRandom
from time import monotonic, sleep

#: Linux gives ports from 32,768 on to whoever asks for any, other systems from 49,152 on.
_PORTS = range(20_000, 32_768)


@dataclass(frozen=True, slots=True)
class Process:
    """A process by its number and its start (in the kernel's ticks; empty where the kernel does not say)."""

    pid: int
    started: str

    def is_running(self) -> bool:
        """Tell whether this very process still runs."""
        try:
            os.kill(self.pid, 0)
        except ProcessLookupError:
            return False
        except PermissionError:
            pass
        state, started = _stat(self.pid)
        return state != "Z" and started == self.started

    def end(self, first: signal.Signals, *, timeout_seconds: float) -> None:
        """Ask with a signal; if the process is still there after a while, kill it. Returns when it is gone."""
        for number, seconds in ((first, timeout_seconds), (signal.SIGKILL, 5.0)):
            if not self._signal(number) or self._gone_within(seconds):
                return

    def _signal(self, number: signal.Signals) -> bool:
        if not self.is_running():
            self._reap()
            return False
        with suppress(ProcessLookupError):
            os.kill(self.pid, number)
        return True

    def _gone_within(self, seconds: float) -> bool:
        deadline = monotonic() + seconds
        while self.is_running():
            if monotonic() > deadline:
                return False
            sleep(0.01)
        self._reap()
        return True

    def _reap(self) -> None:
        """If it was our own child, take its exit status, so that no zombie is left."""
        with suppress(ChildProcessError, OSError):
            os.waitpid(self.pid, os.WNOHANG)


def process_of(child: "subprocess.Popen[bytes]") -> Process:
    """Name a child, to be ended by us or by whoever comes after us."""
    # Whoever ends the process by its number does the waiting, so Popen must not warn that nobody did.
    child.returncode = 0
    return Process(child.pid, _stat(child.pid)[1])


def free_port() -> int:
    """Return a port of the loopback address that nobody uses right now."""
    return free_ports(1)[0]


def free_ports(count: int) -> list[int]:
    """Return so many different ports of the loopback address that nobody uses right now.

    Until they are used somebody else may take one. So they are not among those that the system gives to whoever asks
    for any, as every outgoing connection does (one that knocks at a port where nobody is yet may even meet itself
    there), and they are drawn. Raises OSError if there are not as many.
    """
    free = list(islice(filter(_can_bind, SystemRandom().sample(_PORTS, len(_PORTS))), count))
    if len(free) < count:
        raise OSError(f"{count} ports of the loopback address are wanted, and {len(free)} are free")
    return free


def _can_bind(port: int) -> bool:
    with socket.socket() as probe:
        try:
            probe.bind(("127.0.0.1", port))
        except OSError:
            return False
    return True


def _stat(pid: int) -> tuple[str, str]:
    """Read a process's state and start time; both empty where there is no /proc."""
    try:
        fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    except OSError:
        return "", ""
    return fields[0], fields[19]
