"""Dagster's UI as a process of a test: started on a free port, and ended with all its children."""

import subprocess
import time
import urllib.error
import urllib.request
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path
from signal import SIGINT, Signals

import psutil

_START_SECONDS = 240
_STOP_SECONDS = 60


@contextmanager
def serve(
    command: Sequence[str], port: int, *, folder: Path, environment: Mapping[str, str], end_with: Signals = SIGINT
) -> Iterator[str]:
    """Yield the address once it answers. At the end, fail if a signal does not end every process."""
    log = folder / "ui.log"
    with log.open("wb") as output:
        ui = subprocess.Popen(command, cwd=folder, env=environment, stdout=output, stderr=subprocess.STDOUT)
    try:
        address = f"http://127.0.0.1:{port}"
        _wait_for(f"{address}/server_info", ui, log)
        yield address
    finally:
        left = _end(ui, end_with)
    assert not left, f"still running after {end_with.name}: {left}"


def listening_addresses(folder: Path) -> set[str]:
    """The addresses at which the processes that work in the folder can be reached over the network."""
    here = [process for process in psutil.process_iter() if _works_in(process, folder)]
    return {
        socket.laddr.ip
        for process in here
        for socket in process.net_connections(kind="inet")
        if socket.status == psutil.CONN_LISTEN
    }


def _wait_for(url: str, ui: "subprocess.Popen[bytes]", log: Path) -> None:
    deadline = time.monotonic() + _START_SECONDS
    while not _answers(url):
        assert ui.poll() is None, f"it ended with {ui.returncode}: {log.read_text()[-3000:]}"
        assert time.monotonic() < deadline, f"no answer in {_START_SECONDS} s: {log.read_text()[-3000:]}"
        time.sleep(0.2)


def _answers(url: str) -> bool:
    try:
        with urllib.request.urlopen(url, timeout=2):
            return True
    except (urllib.error.URLError, TimeoutError, ConnectionError):
        return False


def _end(ui: "subprocess.Popen[bytes]", signal: Signals) -> list[str]:
    """Send the signal, wait, and return what had to be killed."""
    family = _family(ui)
    if ui.poll() is None:
        ui.send_signal(signal)
    with suppress(subprocess.TimeoutExpired):
        ui.wait(_STOP_SECONDS)
    _, left = psutil.wait_procs(family, timeout=10)
    names = [f"{process.pid} {process.name()}" for process in left]
    for process in left:
        process.kill()
    ui.wait(10)
    return names


def _family(ui: "subprocess.Popen[bytes]") -> list[psutil.Process]:
    try:
        return psutil.Process(ui.pid).children(recursive=True)
    except psutil.NoSuchProcess:
        return []


def _works_in(process: psutil.Process, folder: Path) -> bool:
    try:
        return Path(process.cwd()) == folder.resolve()
    except psutil.Error:
        return False
