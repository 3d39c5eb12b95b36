"""The embedded Consul, for demos and development: an agent that keeps everything in memory, on loopback."""

import json
import shutil
import signal
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from time import monotonic, sleep

from omninode.lease import lease
from omninode.process import Process, free_port, process_of
from registry.consul.client import ConsulClient
from registry.consul.errors import ConsulAway, ConsulError
from registry.consul.settings import ConsulSettings

_STARTS = 3
_START_SECONDS = 20.0
_PORTS = ("http", "server", "serf_lan", "serf_wan")


def consul_program() -> str | None:
    """Return where the program is, if it is on the PATH."""
    return shutil.which("consul")


@contextmanager
def embedded_consul(folder: Path) -> Iterator[str]:
    """Yield the address of an agent that all processes using this folder share; the last one stops it."""
    with lease(folder, _AgentKeeper(folder)) as agent:
        yield agent.address


def is_kept(folder: Path) -> bool:
    """Tell whether somebody keeps the agent of this folder running."""
    return _AgentKeeper(folder).find() is not None


@dataclass(frozen=True, slots=True)
class _Agent:
    process: Process
    port: int

    @property
    def address(self) -> str:
        return f"127.0.0.1:{self.port}"


@dataclass(frozen=True, slots=True)
class _AgentKeeper:
    folder: Path

    def find(self) -> _Agent | None:
        """Return the agent that a user left running, if it still answers."""
        try:
            state = json.loads(self._state_file.read_text())
            agent = _Agent(Process(state["pid"], state["started"]), state["port"])
        except (OSError, ValueError, KeyError, TypeError):
            return None
        return agent if agent.process.is_running() and _answers(agent.address) else None

    def start(self) -> _Agent:
        """Start an agent on free ports; another program may take one first, so try again if it does."""
        for _ in range(_STARTS):
            agent = self._start_on({name: free_port() for name in _PORTS})
            if agent is not None:
                return agent
        raise ConsulAway(
            f"the embedded Consul does not start: see {self._log}, or set CONSUL_HTTP_ADDR to one of yours"
        )

    def stop(self, agent: _Agent) -> None:
        """Stop the agent; what it holds goes with it."""
        running = self.find() or agent
        self._state_file.unlink(missing_ok=True)
        running.process.end(signal.SIGINT, timeout_seconds=5)

    @property
    def _state_file(self) -> Path:
        return self.folder / "agent.json"

    @property
    def _log(self) -> Path:
        return self.folder / "consul.log"

    def _start_on(self, ports: dict[str, int]) -> _Agent | None:
        config = {"bind_addr": "127.0.0.1", "client_addr": "127.0.0.1", "ports": {**ports, "dns": -1, "grpc": -1}}
        told = self.folder / "config.json"
        told.write_text(json.dumps(config))
        with self._log.open("ab") as log:
            child = subprocess.Popen(  # noqa: S603 - the user's own program
                [consul_program() or "consul", "agent", "-dev", "-log-level=warn", f"-config-file={told}"],
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                start_new_session=True,
            )
        address = f"127.0.0.1:{ports['http']}"
        deadline = monotonic() + _START_SECONDS
        while child.poll() is None and monotonic() < deadline:
            if _answers(address):
                agent = _Agent(process_of(child), ports["http"])
                state = {"pid": child.pid, "started": agent.process.started, "port": agent.port}
                self._state_file.write_text(json.dumps(state))
                return agent
            sleep(0.02)
        child.kill()
        child.wait()
        return None


def _answers(address: str) -> bool:
    client = ConsulClient(ConsulSettings.read({"CONSUL_HTTP_ADDR": address}))
    try:
        client.ping()
    except ConsulError:
        return False
    finally:
        client.close()
    return True


__all__ = ["consul_program", "embedded_consul", "is_kept"]
