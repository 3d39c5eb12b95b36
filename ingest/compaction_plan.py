"""Which small files of a table are merged with which: decided from the log alone, without reading a file."""

from collections import defaultdict
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from itertools import accumulate


@dataclass(frozen=True, slots=True)
class DataFile:
    """A live file as the log tells of it. `first`: the least of the times that the rows are ordered by."""

    path: str
    partition: str | None
    rows: int
    size: int
    first: datetime | None = None


@dataclass(frozen=True, slots=True)
class CompactionPolicy:
    """How large a merged file may become, which bounds the memory of a merge, and from how many small ones it pays."""

    max_rows: int = 250_000
    max_bytes: int = 64 * 1024 * 1024
    min_files: int = 4

    def fits(self, rows: int, size: int) -> bool:
        """Tell whether a merged file may hold this much."""
        return rows <= self.max_rows and size <= self.max_bytes

    def is_full(self, file: DataFile) -> bool:
        """Tell whether a file is left alone for good. Two that are not always fit together."""
        return file.rows * 2 > self.max_rows or file.size * 2 > self.max_bytes


def plan(files: Iterable[DataFile], policy: CompactionPolicy) -> list[tuple[DataFile, ...]]:
    """Return the sets of files to be merged into one file each, all of one partition, latest partition first.

    A file takes part if it has no more rows than the smaller ones have together. So a large one is not written again
    for a few rows more: a row is written a number of times that grows with the logarithm of the partition's rows, and
    about as many files remain.
    """
    partitions: dict[str, list[DataFile]] = defaultdict(list)
    for file in files:
        if not policy.is_full(file):
            partitions[file.partition or ""].append(file)
    latest_first = sorted(partitions.items(), reverse=True)
    return [group for _, found in latest_first for group in _groups(_worth_merging(found, policy), policy)]


def _worth_merging(files: Sequence[DataFile], policy: CompactionPolicy) -> list[DataFile]:
    ascending = sorted(files, key=lambda file: (file.rows, file.path))
    totals = list(accumulate(file.rows for file in ascending))
    for count in range(len(ascending), policy.min_files - 1, -1):
        if ascending[count - 1].rows <= totals[count - 2]:
            return ascending[:count]
    return []


def _groups(files: Sequence[DataFile], policy: CompactionPolicy) -> Iterator[tuple[DataFile, ...]]:
    """Cut the files, in the order of their times, into groups that fit; so each merged file spans a short time."""
    ordered = sorted(files, key=lambda file: (file.first is not None, file.first, file.path))
    group: list[DataFile] = []
    rows = size = 0
    for file in ordered:
        if group and not policy.fits(rows + file.rows, size + file.size):
            yield from _if_several(group)
            group, rows, size = [], 0, 0
        group.append(file)
        rows, size = rows + file.rows, size + file.size
    yield from _if_several(group)


def _if_several(group: list[DataFile]) -> Iterator[tuple[DataFile, ...]]:
    if len(group) > 1:
        yield tuple(group)
