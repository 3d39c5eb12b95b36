"""One process of Kafka: formatted, started, stopped, killed, and started again on what it has kept."""

import shutil
import signal
import subprocess
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

_QUICK_START = ["-XX:+UseSerialGC", "-XX:TieredStopAtLevel=1", "-Xshare:auto"]
_SMALL = ["-Xms64m", "-Xmx256m"]
_STOP_SECONDS = 20.0


class NodeFailed(Exception):
    """A process of Kafka ended when it should not. The message ends with the last lines of its log."""


@dataclass(slots=True)
class Node:
    """A broker that is also a controller. Everything of it is in its folder, and the folder's owner removes it."""

    folder: Path
    jars: str
    properties: Mapping[str, str | int]
    _child: "subprocess.Popen[bytes] | None" = field(init=False, default=None)

    def format(self, cluster_id: str, more: Sequence[str] = ()) -> "subprocess.Popen[bytes]":
        """Start to make the node's empty log, and return the process that does it."""
        self.folder.mkdir(parents=True)
        told = {**self.properties, "log.dirs": self.folder / "data"}
        self._properties_file.write_text("".join(f"{name}={value}\n" for name, value in told.items()))
        return self._java("kafka.tools.StorageTool", "format", "-t", cluster_id, "-c", self._properties_file, *more)

    def start(self) -> None:
        """Start the process; it answers some seconds later."""
        self._child = self._java("kafka.Kafka", self._properties_file)

    def check(self) -> None:
        """Raise `NodeFailed` if the process has ended."""
        if self._child is None or self._child.poll() is not None:
            raise NodeFailed(f"{self.folder.name} has ended:\n{self.last_words()}")

    def stop(self) -> None:
        """Let it end by itself; kill it if it does not."""
        self._end(signal.SIGTERM)

    def kill(self) -> None:
        """Kill it with -9."""
        self._end(signal.SIGKILL)

    def freeze(self) -> None:
        """Have it stand still, its connections open: to its clients it is as if the network was gone."""
        self._signal(signal.SIGSTOP)

    def thaw(self) -> None:
        """Let it go on."""
        self._signal(signal.SIGCONT)

    def last_words(self) -> str:
        """Return the end of what the node has written."""
        return "\n".join((self.folder / "log").read_text(errors="replace").splitlines()[-20:])

    @property
    def _properties_file(self) -> Path:
        return self.folder / "server.properties"

    def _signal(self, number: signal.Signals) -> None:
        if self._child is not None:
            self._child.send_signal(number)

    def _end(self, number: signal.Signals) -> None:
        if self._child is None:
            return
        self._child.send_signal(number)
        try:
            self._child.wait(_STOP_SECONDS)
        except subprocess.TimeoutExpired:
            self._child.kill()
            self._child.wait()
        self._child = None

    def _java(self, *arguments: str | Path) -> "subprocess.Popen[bytes]":
        with (self.folder / "log").open("ab") as log:
            return subprocess.Popen(
                [*_die_with_us(), "java", *_SMALL, *_QUICK_START, "-cp", self.jars, *arguments],
                cwd=self.folder,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
            )


def _die_with_us() -> list[str]:
    """Where the system can do it, have the process killed when the tests are: nobody else would end it then."""
    return ["setpriv", "--pdeathsig", "KILL"] if shutil.which("setpriv") else []
