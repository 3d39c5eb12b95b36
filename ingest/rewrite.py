"""Several Parquet files of a table into one: how they are read, written, and compared."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import NamedTuple

import polars as pl

#: So many rows are read or passed over together; within a file the rows are in the order of their time.
_ROW_GROUP = 100_000
_ZSTD_LEVEL = 3


class Fingerprint(NamedTuple):
    """What rows hold, whatever their order: their number, and two sums of hashes over all columns of each row."""

    rows: int
    first_sum: int
    second_sum: int


@dataclass(frozen=True, slots=True)
class ParquetFiles:
    """The files of one table in a folder or an object store."""

    url: str
    storage_options: Mapping[str, str]
    #: The columns in the files: those of the table without what it is partitioned by.
    schema: pl.Schema

    def read(self, paths: Sequence[str]) -> pl.DataFrame:
        """Read files as one frame. A column that a file does not have yet is null there."""
        return pl.scan_parquet(
            [self._place(path) for path in paths],
            schema=self.schema,
            missing_columns="insert",
            hive_partitioning=False,
            storage_options=self._options,
        ).collect()

    def write(self, rows: pl.DataFrame, path: str) -> None:
        """Write a frame as one file, compressed for being kept; on a disk it is safe there when this returns."""
        rows.lazy().sink_parquet(
            self._place(path),
            compression="zstd",
            compression_level=_ZSTD_LEVEL,
            row_group_size=_ROW_GROUP,
            sync_on_close=None if self._options else "all",
            storage_options=self._options,
        )

    @property
    def _options(self) -> dict[str, str] | None:
        return dict(self.storage_options) if "://" in self.url else None

    def _place(self, path: str) -> str:
        return f"{self.url.rstrip('/')}/{path}"


def fingerprint(rows: pl.DataFrame) -> Fingerprint:
    """Return the fingerprint of rows; it holds within one version of Polars, so it is not to be kept.

    >>> rows = pl.DataFrame({"a": [1, 2, 2], "b": ["x", None, "y"]})
    >>> fingerprint(rows) == fingerprint(rows.reverse()), fingerprint(rows) == fingerprint(rows.head(2))
    (True, False)
    """
    return Fingerprint(rows.height, _hash_sum(rows, 1), _hash_sum(rows, 2))


def _hash_sum(rows: pl.DataFrame, seed: int) -> int:
    """The sum modulo 2**64: in two halves, so that it does not depend on how Polars overflows."""
    hashes = rows.hash_rows(seed)
    high, low = int((hashes // 2**32).sum() or 0), int((hashes % 2**32).sum() or 0)
    return (high * 2**32 + low) % 2**64


def statistics(rows: pl.DataFrame, columns: Sequence[str]) -> str:
    """Spell what the log says of a file, so that readers can pass it over: rows, bounds and nulls of these columns."""
    bounds = {name: (rows[name].min(), rows[name].max()) for name in columns if rows[name].null_count() < rows.height}
    return json.dumps(
        {
            "numRecords": rows.height,
            "minValues": {name: _spelled(least) for name, (least, _) in bounds.items()},
            "maxValues": {name: _spelled(most) for name, (_, most) in bounds.items()},
            "nullCount": {name: rows[name].null_count() for name in columns},
        }
    )


def _spelled(value: object) -> object:
    return f"{value:%Y-%m-%dT%H:%M:%S.%fZ}" if isinstance(value, datetime) else value
