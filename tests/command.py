"""The command line as users have it: a process of its own, in an environment that says only what the test says."""

import json
import os
import subprocess
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import psutil

ROOT = Path(__file__).parent.parent
PATIENCE_SECONDS = 120.0


@dataclass(frozen=True, slots=True)
class CommandLine:
    """Runs `omninode` with these variables set, in a folder in which nothing else is said."""

    folder: Path
    variables: Mapping[str, str]

    def run(self, *arguments: str | Path) -> "subprocess.CompletedProcess[str]":
        """Run a command to its end, which must come in time."""
        return subprocess.run(
            _command(arguments),
            cwd=self.folder,
            env=_environment(self.variables),
            capture_output=True,
            text=True,
            timeout=PATIENCE_SECONDS,
            check=False,
        )

    def done(self, *arguments: str | Path) -> str:
        """Run a command that must succeed, and return its standard output."""
        finished = self.run(*arguments)
        assert finished.returncode == 0, finished.stderr
        return finished.stdout

    def rows(self, *arguments: str | Path) -> list[dict[str, Any]]:
        """Run a command that prints its rows as JSON, and return them."""
        rows: list[dict[str, Any]] = json.loads(self.done(*arguments, "--format", "json"))
        return rows

    @contextmanager
    def running(self, *arguments: str | Path) -> Iterator["subprocess.Popen[str]"]:
        """Start a command; if it still runs at the end, it is killed, with whatever it has started."""
        child = subprocess.Popen(
            _command(arguments),
            cwd=self.folder,
            env=_environment(self.variables),
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )
        try:
            yield child
        finally:
            if child.poll() is None:
                _kill_family(child.pid)
            child.communicate(timeout=PATIENCE_SECONDS)

    def start(self, *arguments: str | Path, log: Path) -> "subprocess.Popen[bytes]":
        """Start a command that may run for long, and write much: all that it says is added to the file."""
        with log.open("ab") as said:
            return subprocess.Popen(
                _command(arguments),
                cwd=self.folder,
                env=_environment(self.variables),
                stdin=subprocess.DEVNULL,
                stdout=said,
                stderr=said,
            )


def _kill_family(pid: int) -> None:
    head = psutil.Process(pid)
    for process in [head, *head.children(recursive=True)]:
        with suppress(psutil.NoSuchProcess):
            process.kill()


def _command(arguments: tuple[str | Path, ...]) -> list[str | Path]:
    return [sys.executable, "-m", "omninode", *arguments]


def _environment(variables: Mapping[str, str]) -> dict[str, str]:
    """The environment without any variable of ours, then those of the test."""
    ours = ("OMNINODE_", "DAGSTER_", "AWS_", "PG")
    inherited = {name: value for name, value in os.environ.items() if not name.startswith(ours)}
    return inherited | {"PYTHONPATH": str(ROOT)} | dict(variables)
