"""Run a peer's program in its own environment and folder."""

import json
import subprocess
from collections.abc import Callable
from pathlib import Path
from typing import Any
from uuid import uuid4

from ingest.kafka import KafkaSettings
from tests.benchmarks.harness import NotMeasured
from tests.benchmarks.kafka_sides import Reading
from tests.benchmarks.peers.environment import peer_python

#: Who needs longer has stopped.
_PATIENCE_SECONDS = 300


def run_peer(
    name: str,
    settings: KafkaSettings,
    folder: Path,
    *,
    rows_in: Callable[[Path], int],
    **more: Any,
) -> Reading:
    """Let a peer read the four topics to their end and write to `folder`; return its time, and the rows it wrote.

    Its program `NAME_side.py` gets a job as JSON (servers, group, topics by kind, and `more`) and runs in the folder.
    """
    python = peer_python(name)
    folder.mkdir()
    topics = {kind.value: topic for topic, kind in settings.topics.items()}
    job = {"servers": settings.bootstrap_servers, "group": f"bench-{uuid4().hex}", "topics": topics, **more}
    told = _told(name, [str(python), str(Path(__file__).parent / f"{name}_side.py"), json.dumps(job)], folder)
    return Reading(told["seconds"], rows_in(folder), 0, 0, told["rss_mb"])


def _told(name: str, command: list[str], folder: Path) -> dict[str, float]:
    """Return what the program says in its last line."""
    try:
        done = subprocess.run(
            command, cwd=folder, capture_output=True, text=True, check=False, timeout=_PATIENCE_SECONDS
        )
    except subprocess.TimeoutExpired:
        raise NotMeasured(f"{name} was not done after {_PATIENCE_SECONDS} s") from None
    if done.returncode != 0:
        raise NotMeasured(f"{name} failed: {(done.stderr.strip() or 'no message').splitlines()[-1]}")
    told: dict[str, float] = json.loads(done.stdout.splitlines()[-1])
    return told
