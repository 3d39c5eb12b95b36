"""Environments for the peers of the benchmarks."""

from pathlib import Path

import pytest

from tests.benchmarks.harness import NotMeasured
from tests.benchmarks.peers.environment import peer_python


def test_a_peer_that_cannot_be_installed_is_named_each_time(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """What the first try leaves behind is not taken for an environment by the second."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("PIP_NO_INDEX", "1")
    for _ in range(2):
        with pytest.raises(NotMeasured, match=r"missing part: quix could not be installed \(.*quixstreams"):
            peer_python("quix")
