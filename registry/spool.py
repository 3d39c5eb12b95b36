"""Changes of nodes that wait in a file of this machine while the database is away."""

import fcntl
import json
import logging
import os
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import asdict
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, BinaryIO
from uuid import UUID, uuid4

from omninode.errors import OmninodeError
from sql.node_rows import HealthReport, Registration
from sql.spooled_changes import SpooledChange

_LOG = logging.getLogger(__name__)

#: A database that is away for so long that this is not enough is somebody's to look at.
MAX_BYTES = 512 * 1024 * 1024

Change = Registration | HealthReport | str


class SpoolFull(OmninodeError):
    """There is no room for a change that has to wait."""


class Spool:
    """A file of JSON, one line a change, shared by the processes of this machine.

    What `add` has returned from is on the disk. The file is locked while it is added to or emptied, so that no change
    falls between the two.
    """

    def __init__(self, path: Path) -> None:
        self.path = path

    def is_empty(self) -> bool:
        """Tell whether nothing waits: cheap enough to be asked before each call."""
        try:
            return self.path.stat().st_size == 0
        except OSError:
            return True

    def add(self, changes: Sequence[Change]) -> None:
        """Add changes; a text is the id of a node that was removed. All of them are kept, or none and this raises."""
        with self._locked() as file:
            # The time is taken under the lock: what is added after others were brought away is later than those.
            now = datetime.now(UTC)
            text = b"".join(_line(change, now) for change in changes)
            end = file.seek(0, os.SEEK_END)
            if end + len(text) > MAX_BYTES:
                raise SpoolFull(f"{self.path} is full: bring the database back, it is emptied into it")
            try:
                file.write(_whole_lines(file, end) + text)
                file.flush()
                os.fsync(file.fileno())
            except OSError as error:
                file.truncate(end)
                raise SpoolFull(f"{self.path} cannot be written: {error.strerror}") from error

    @contextmanager
    def emptied(self) -> Iterator[list[SpooledChange]]:
        """Yield what waits, oldest first, and forget it afterwards; if the block raises, all of it stays."""
        if self.is_empty():
            yield []
            return
        with self._locked() as file:
            file.seek(0)
            yield list(self._read(file))
            file.truncate(0)
            os.fsync(file.fileno())

    def count(self) -> int:
        """Return how many changes wait."""
        try:
            return self.path.read_bytes().count(b"\n")
        except OSError:
            return 0

    def refuse(self, changes: Sequence[SpooledChange], reason: str) -> None:
        """Put changes that the database does not take aside, into a file beside this one."""
        _LOG.error("%d spooled changes were refused and are kept in %s: %s", len(changes), self._refused, reason)
        lines = [json.dumps(_spelled(change) | {"reason": reason}) + "\n" for change in changes]
        with self._refused.open("a", encoding="utf-8") as file:
            file.writelines(lines)
            file.flush()
            os.fsync(file.fileno())

    @property
    def _refused(self) -> Path:
        return self.path.with_suffix(".refused.jsonl")

    def _read(self, file: BinaryIO) -> Iterator[SpooledChange]:
        for line in file:
            try:
                yield _change(json.loads(line))
            except (ValueError, KeyError, TypeError):
                # Whoever wrote it died on the way, and nobody was told that it is kept.
                _LOG.warning("Half a line in %s is left out", self.path)

    @contextmanager
    def _locked(self) -> Iterator[BinaryIO]:
        try:
            self.path.parent.mkdir(parents=True, exist_ok=True)
            file = os.fdopen(os.open(self.path, os.O_RDWR | os.O_CREAT, 0o600), "r+b")
        except OSError as error:
            raise SpoolFull(
                f"{self.path} cannot be written: {error.strerror}; set OMNINODE_HOME to a folder of your own"
            ) from error
        with file:
            fcntl.flock(file, fcntl.LOCK_EX)
            yield file


def _whole_lines(file: BinaryIO, end: int) -> bytes:
    """Return what has to come first, if the last line is but half a one."""
    if end == 0:
        return b""
    file.seek(end - 1)
    return b"" if file.read(1) == b"\n" else b"\n"


def _line(change: Change, now: datetime) -> bytes:
    node_id = change if isinstance(change, str) else change.node_id
    made = None if isinstance(change, str) else change
    return (json.dumps(_spelled(SpooledChange(uuid4(), node_id, now, made))) + "\n").encode()


def _spelled(spooled: SpooledChange) -> dict[str, Any]:
    kind = "deregistered" if spooled.change is None else type(spooled.change).__name__
    said = {} if spooled.change is None else asdict(spooled.change)
    said.pop("at", None)
    return {
        "operation_id": str(spooled.operation_id),
        "node_id": spooled.node_id,
        "at": spooled.at.isoformat(),
        "kind": kind,
        "said": said,
    }


def _change(line: dict[str, Any]) -> SpooledChange:
    kinds = {"Registration": Registration, "HealthReport": HealthReport}
    change = None if line["kind"] == "deregistered" else kinds[line["kind"]](**line["said"])
    return SpooledChange(UUID(line["operation_id"]), line["node_id"], datetime.fromisoformat(line["at"]), change)


__all__ = ["Change", "Spool", "SpoolFull"]
