"""A server of our own on a port of loopback: shared by all processes that use its folder, ended by the last of them."""

import json
import signal
import subprocess
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from time import monotonic, sleep

from omninode.errors import OmninodeError
from omninode.lease import lease
from omninode.process import Process, free_port, process_of

_STARTS = 3


@dataclass(frozen=True, slots=True)
class _Server:
    process: Process
    port: int


@dataclass(frozen=True, slots=True)
class EmbeddedServer:
    """How one is started: `command` returns the program and its arguments for a port, `answers` tells whether it is up.

    `state_file` says which process it is, `log_file` has its output; both lie in the folder. If it does not start, the
    error that `failed` makes of the log's path is raised. It is ended by SIGINT, and killed after `end_seconds`.
    """

    folder: Path
    state_file: str
    log_file: str
    command: Callable[[int], Sequence[str | Path]]
    answers: Callable[[int], bool]
    failed: Callable[[Path], OmninodeError]
    start_seconds: float
    end_seconds: float

    @contextmanager
    def running(self) -> Iterator[str]:
        """Yield its address (host:port) while it runs, started if need be."""
        with lease(self.folder, self) as server:
            yield f"127.0.0.1:{server.port}"

    def is_kept(self) -> bool:
        """Tell whether somebody keeps it running."""
        return self.find() is not None

    def find(self) -> _Server | None:
        """Return the server that a user left running, if it still answers."""
        try:
            state = json.loads(self._state.read_text())
            server = _Server(Process(state["pid"], state["started"]), state["port"])
        except (OSError, ValueError, KeyError, TypeError):
            return None
        return server if server.process.is_running() and self.answers(server.port) else None

    def start(self) -> _Server:
        """Start a server on a free port; another program may take the port first, so try again if it does."""
        for _ in range(_STARTS):
            server = self._start_on(free_port())
            if server is not None:
                return server
        raise self.failed(self.folder / self.log_file)

    def stop(self, server: _Server) -> None:
        """Stop the server; what it holds goes with it."""
        # Ours may have died, and another user may have started the one that runs now.
        running = self.find() or server
        self._state.unlink(missing_ok=True)
        running.process.end(signal.SIGINT, timeout_seconds=self.end_seconds)

    @property
    def _state(self) -> Path:
        return self.folder / self.state_file

    def _start_on(self, port: int) -> _Server | None:
        command = self.command(port)
        with (self.folder / self.log_file).open("ab") as log:
            child = subprocess.Popen(  # noqa: S603 - a program of ours, or the user's own
                command, stdin=subprocess.DEVNULL, stdout=log, stderr=log, start_new_session=True
            )
        deadline = monotonic() + self.start_seconds
        while child.poll() is None and monotonic() < deadline:
            if self.answers(port):
                server = _Server(process_of(child), port)
                state = {"pid": child.pid, "started": server.process.started, "port": port}
                self._state.write_text(json.dumps(state))
                return server
            sleep(0.02)
        child.kill()
        child.wait()
        return None


__all__ = ["EmbeddedServer"]
