"""The registry's commands, run in the test's own process."""

from collections.abc import Callable
from pathlib import Path

import pytest

from omninode.cli.commands import app

Run = Callable[..., str]


@pytest.fixture
def run(tmp_path: Path, database_url: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Run:
    """Runs a command over an empty registry, in this process, and returns what it printed."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("OMNINODE_HOME", str(tmp_path / "home"))
    monkeypatch.setenv("OMNINODE_POSTGRES_URL", database_url)

    def run(*words: str) -> str:
        app(["registry", *words], standalone_mode=False)
        return capsys.readouterr().out

    return run
