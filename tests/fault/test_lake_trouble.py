"""The lake cannot be written for a while: the short version of what the soak does."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from ingest.kafka import KafkaSettings
from tests.soak.lake_full import full, read_only, small_disk
from tests.soak.rig import Rig, rig
from tests.soak.verdict import nothing_lost_nothing_doubled


@pytest.fixture
def disk(tmp_path: Path) -> Iterator[Path]:
    """A file system of 16 MB."""
    with small_disk(tmp_path / "disk", megabytes=16) as folder:
        yield folder


@pytest.fixture
def on_small_disk(kafka: KafkaSettings, disk: Path, tmp_path: Path) -> Iterator[Rig]:
    """A rig whose lake is there."""
    with rig(kafka, tmp_path, lake=str(disk / "lake")) as it:
        yield it


def test_full_disk_breaks_nothing(on_small_disk: Rig, disk: Path) -> None:
    """While the disk is full nothing comes in; when there is space again the same ingest goes on, all readable."""
    full(on_small_disk, disk, seconds=2)
    nothing_lost_nothing_doubled(on_small_disk.published, on_small_disk.lake)


def test_read_only_disk_breaks_nothing(on_small_disk: Rig, disk: Path) -> None:
    """While the disk is read-only nothing comes in; when it is writable again the same ingest goes on.

    It says so in words of ours, not in panics of what writes.
    """
    read_only(on_small_disk, disk, seconds=2)
    nothing_lost_nothing_doubled(on_small_disk.published, on_small_disk.lake)
    said = on_small_disk.log.read_text()
    assert "its tables may not be written" in said
    assert "panicked" not in said
