"""The embedded Consul, for demos and development: an agent that keeps everything in memory, on loopback."""

import json
import shutil
from contextlib import AbstractContextManager
from functools import partial
from pathlib import Path

from omninode.embedded import EmbeddedServer
from omninode.process import free_ports
from registry.consul.client import ConsulClient
from registry.consul.errors import ConsulAway, ConsulError
from registry.consul.settings import ConsulSettings

_START_SECONDS = 20.0
_END_SECONDS = 5.0
_MORE_PORTS = ("server", "serf_lan", "serf_wan")


def consul_program() -> str | None:
    """Return where the program is, if it is on the PATH."""
    return shutil.which("consul")


def embedded_consul(folder: Path) -> AbstractContextManager[str]:
    """Yield the address of an agent that all processes using this folder share; the last one stops it."""
    return _server(folder).running()


def is_kept(folder: Path) -> bool:
    """Tell whether somebody keeps the agent of this folder running."""
    return _server(folder).is_kept()


def _server(folder: Path) -> EmbeddedServer:
    return EmbeddedServer(
        folder,
        state_file="agent.json",
        log_file="consul.log",
        command=partial(_command, folder),
        answers=_answers,
        failed=_failed,
        start_seconds=_START_SECONDS,
        end_seconds=_END_SECONDS,
    )


def _failed(log: Path) -> ConsulAway:
    return ConsulAway(f"the embedded Consul does not start: see {log}, or set CONSUL_HTTP_ADDR to one of yours")


def _command(folder: Path, port: int) -> list[str]:
    others = [other for other in free_ports(len(_MORE_PORTS) + 1) if other != port]
    ports = {"http": port, "dns": -1, "grpc": -1, **dict(zip(_MORE_PORTS, others, strict=False))}
    told = folder / "config.json"
    told.write_text(json.dumps({"bind_addr": "127.0.0.1", "client_addr": "127.0.0.1", "ports": ports}))
    return [consul_program() or "consul", "agent", "-dev", "-log-level=warn", f"-config-file={told}"]


def _answers(port: int) -> bool:
    client = ConsulClient(ConsulSettings(port=port))
    try:
        client.ping()
    except ConsulError:
        return False
    finally:
        client.close()
    return True


__all__ = ["consul_program", "embedded_consul", "is_kept"]
