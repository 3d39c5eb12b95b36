"""A real Consul for the tests: an agent that keeps all in memory, on free loopback ports, in a folder of its own."""

import json
import shutil
import signal
import subprocess
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from time import monotonic, sleep
from typing import Any

import pytest
import requests

from omninode.process import free_ports
from tests.consul_program import consul_program

_PATIENCE_SECONDS = 60.0
#: Where the system can do it, the agent is killed when the thread that started it is: nobody else would end it then.
_DIE_WITH_US = ["setpriv", "--pdeathsig", "KILL"] if shutil.which("setpriv") else []


class AgentFailed(Exception):
    """The agent does not answer. The message ends with its last words."""


@dataclass(slots=True)
class Agent:
    """An agent that forgets everything when it ends. Its ports stay the same when it is started again."""

    program: Path
    folder: Path
    more: Mapping[str, Any] = field(default_factory=dict)
    token: str | None = None
    ports: Mapping[str, int] = field(
        default_factory=lambda: dict(zip(("http", "server", "serf_lan", "serf_wan"), free_ports(4), strict=True))
    )
    _child: "subprocess.Popen[bytes] | None" = None

    @property
    def address(self) -> str:
        """Return its address as CONSUL_HTTP_ADDR takes it."""
        return f"127.0.0.1:{self.ports['http']}"

    def start(self) -> None:
        """Start it, and return when it answers and takes services."""
        config = {
            "bind_addr": "127.0.0.1",
            "client_addr": "127.0.0.1",
            "log_level": "WARN",
            **self.more,
            "ports": {"dns": -1, "grpc": -1, "https": -1, **self.ports, **self.more.get("ports", {})},
        }
        (self.folder / "agent.json").write_text(json.dumps(config))
        with (self.folder / "log").open("ab") as log:
            self._child = subprocess.Popen(
                [*_DIE_WITH_US, self.program, "agent", "-dev", "-config-file", self.folder / "agent.json"],
                stdout=log,
                stderr=log,
            )
        self._wait()

    def kill(self) -> None:
        """Kill it with -9: everything in it is lost."""
        if self._child is not None:
            self._child.send_signal(signal.SIGCONT)
            self._child.kill()
            self._child.wait()
            self._child = None

    def freeze(self) -> None:
        """Have it stand still, its connections open: to its clients it is as if the network was gone."""
        assert self._child is not None
        self._child.send_signal(signal.SIGSTOP)

    def thaw(self) -> None:
        """Let it go on."""
        assert self._child is not None
        self._child.send_signal(signal.SIGCONT)

    def ask(self, path: str, *, method: str = "GET", body: Any = None) -> Any:
        """Ask it past our own client; None if the answer is empty."""
        headers = {"X-Consul-Token": self.token} if self.token else {}
        url = f"http://{self.address}/v1/{path}"
        answer = requests.request(method, url, json=body, headers=headers, timeout=20)
        answer.raise_for_status()
        return answer.json() if answer.content else None

    def services(self) -> dict[str, Any]:
        """Return its services by id."""
        found: dict[str, Any] = self.ask("agent/services")
        return found

    def status(self, service_id: str) -> str:
        """Return the status of a service's check: passing, warning or critical."""
        return str(self.ask("agent/checks")[f"service:{service_id}"]["Status"])

    def _wait(self) -> None:
        deadline = monotonic() + _PATIENCE_SECONDS
        while not self._answers():
            if self._child is None or self._child.poll() is not None or monotonic() > deadline:
                raise AgentFailed((self.folder / "log").read_text(errors="replace")[-2_000:])
            sleep(0.02)

    def _answers(self) -> bool:
        try:
            if not self.ask("status/leader"):
                return False
            if self.token is not None:
                # The first token is made some time after the leader has been elected.
                self.ask("acl/token/self")
        except requests.RequestException:
            return False
        return True


@contextmanager
def an_agent(folder: Path, *, more: Mapping[str, Any] | None = None, token: str | None = None) -> Iterator[Agent]:
    """Yield an agent that runs, and end it. `token` is what `ask` sends."""
    folder.mkdir(parents=True, exist_ok=True)
    agent = Agent(consul_program(), folder, more or {}, token)
    try:
        agent.start()
        yield agent
    finally:
        agent.kill()


@pytest.fixture
def consul(tmp_path: Path) -> Iterator[Agent]:
    """An agent of the test's own, without services."""
    with an_agent(tmp_path / "consul") as agent:
        yield agent


@pytest.fixture(scope="session")
def shared_consul(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Agent]:
    """An agent for the session: every registry sees its own services there only."""
    with an_agent(tmp_path_factory.mktemp("consul")) as agent:
        yield agent


__all__ = ["Agent", "AgentFailed", "an_agent", "consul", "shared_consul"]
