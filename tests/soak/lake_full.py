"""The lake's folder is full for a while, then read-only for a while, while ingest runs."""

import os
import shutil
import subprocess
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from time import monotonic, sleep

from tests.parts import CannotInstall, require_part
from tests.soak.rig import Rig

_PIECE = 1 << 16


@contextmanager
def small_disk(folder: Path, *, megabytes: int) -> Iterator[Path]:
    """Yield the folder with a small file system of its own in memory; the run names what is missing for that."""
    require_part("mounting of file systems", find=lambda: _mounted(folder, megabytes), install=_cannot)
    try:
        yield folder
    finally:
        # Lazily: a process that was just killed may not have let go of it yet.
        _run("umount", "--lazy", folder)


def full(rig: Rig, disk: Path, *, seconds: float) -> str:
    """Fill the disk with a ballast, wait, and free it: ingest goes on by itself, and nothing is broken."""
    return _trouble(rig, disk, "full", fill, free, seconds)


def read_only(rig: Rig, disk: Path, *, seconds: float) -> str:
    """Make the disk read-only, wait, and make it writable again: ingest goes on by itself, and nothing is broken."""
    return _trouble(rig, disk, "read-only", forbid, allow, seconds)


def _trouble(
    rig: Rig, disk: Path, what: str, begin: Callable[[Path], None], end: Callable[[Path], None], seconds: float
) -> str:
    with rig.producing():
        process = rig.start()
        rig.wait_for_commit()
        begin(disk)
        try:
            before = rig.version()
            sleep(seconds)
            after = rig.version()
        finally:
            end(disk)
        rig.wait_for_commit(seconds=90)
        rig.check_running(process)
        rig.end_all()
    rig.finish()
    assert after - before <= 1, "the lake grew all the time: nothing was shown"
    return f"{what} for {seconds:.0f} s, in which {after - before} commits came through"


def fill(disk: Path) -> None:
    """Write until nothing fits any more, not even a small file."""
    with (disk / "ballast").open("wb", buffering=0) as ballast:
        for piece in (_PIECE, 1):
            try:
                while True:
                    ballast.write(b"x" * piece)
            except OSError:
                continue


def free(disk: Path) -> None:
    """Undo `fill`."""
    (disk / "ballast").unlink()


def forbid(disk: Path) -> None:
    """Refuse every change; a file that is just being written delays it."""
    _remount(disk, "ro")


def allow(disk: Path) -> None:
    """Undo `forbid`."""
    _remount(disk, "rw")


def _remount(disk: Path, mode: str) -> None:
    deadline = monotonic() + 20
    while not _run("mount", "-o", f"remount,{mode}", disk):
        assert monotonic() < deadline, f"{disk} cannot be made {mode}"
        sleep(0.002)


def _mounted(folder: Path, megabytes: int) -> Path | None:
    if os.geteuid() != 0 or shutil.which("mount") is None:
        return None
    folder.mkdir(parents=True, exist_ok=True)
    return folder if _run("mount", "-t", "tmpfs", "-o", f"size={megabytes}m", "tmpfs", folder) else None


def _cannot() -> None:
    raise CannotInstall("a small file system can be mounted by root only, and not in every container")


def _run(*command: str | Path) -> bool:
    return subprocess.run(command, capture_output=True, check=False).returncode == 0
