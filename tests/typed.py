"""Commands typed in this process: one of their own for each takes its time, and prints the same."""

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from omninode.cli.commands import app

Lines = list[dict[str, str]]


@dataclass(frozen=True, slots=True)
class Typed:
    """What commands print. An error is raised, and not turned into a line."""

    capsys: pytest.CaptureFixture[str]

    def table(self, *arguments: str) -> tuple[Lines, list[str]]:
        """Return the lines of the table by their headings, and what was said beside it."""
        app([*arguments], standalone_mode=False)
        printed = self.capsys.readouterr()
        heading, *lines = [_cells(line) for line in printed.out.splitlines() if line[:1] in ("│", "┃")]
        return [dict(zip(heading, line, strict=True)) for line in lines], printed.err.splitlines()

    def rows(self, *arguments: str) -> list[dict[str, Any]]:
        """Return the rows that programs get."""
        app([*arguments, "--format", "json"], standalone_mode=False)
        found: list[dict[str, Any]] = json.loads(self.capsys.readouterr().out)
        return found


def _cells(line: str) -> list[str]:
    return [cell.strip() for cell in line.replace("┃", "│").split("│")[1:-1]]


@pytest.fixture
def typed(
    database_url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> Typed:
    """Commands with a database of their own, empty, and a lake below the test's folder."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("OMNINODE_HOME", str(tmp_path))
    monkeypatch.setenv("OMNINODE_POSTGRES_URL", database_url)
    return Typed(capsys)


__all__ = ["Typed", "typed"]
