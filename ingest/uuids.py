"""Version 5 UUIDs of many names at once: what `uuid.uuid5` makes, in columns."""

from functools import cache
from hashlib import sha1
from uuid import UUID

import duckdb
import numpy as np
import polars as pl
import pyarrow as pa  # type: ignore[import-untyped]  # it brings no types

#: For fewer than this a query takes longer than it saves.
_MANY = 1_000
#: Where the digits of a digest go in the text of a UUID: five groups, each of so many digits, between dashes.
_GROUPS = (8, 4, 4, 4, 12)
_LENGTH = 36
_VERSION, _VARIANT = 14, 19
#: The variant's digit keeps the lower two bits of the digest's.
_VARIANTS = np.frombuffer(bytes.maketrans(b"0123456789abcdef", b"89ab" * 4), np.uint8)


def uuid5s(namespace: UUID, names: pl.Series) -> pl.Series:
    """Return the UUID of each name, as text, in the order of the names, none of which may be null.

    >>> uuid5s(UUID(int=0), pl.Series(["a"])).item()
    '35b65f33-a679-5e76-af3c-273ea349ede4'
    """
    return (_of_many if len(names) >= _MANY else _of_few)(namespace, names)


def _of_few(namespace: UUID, names: pl.Series) -> pl.Series:
    begin = namespace.bytes
    digests = [sha1(begin + name.encode(), usedforsecurity=False).hexdigest() for name in names]
    return _spelled(pa.array(digests, pa.string()))


def _of_many(namespace: UUID, names: pl.Series) -> pl.Series:
    """Make no object for each name; other threads of Python go on meanwhile."""
    # A cursor of its own for each call: threads must not share one. Rows keep their order: duckdb's default.
    table = _hasher().cursor().from_arrow(names.alias("name").to_frame().to_arrow())
    digests = table.project(f"sha1({_blob(namespace.bytes)} || encode(name)) AS digest").to_arrow_table()
    return pl.concat([_spelled(chunk) for chunk in digests["digest"].chunks])


@cache
def _hasher() -> duckdb.DuckDBPyConnection:
    return duckdb.connect(config={"threads": 1})


def _spelled(digests: pa.Array) -> pl.Series:
    """Spell hexadecimal digests of SHA-1, of 40 digits each, as version 5 UUIDs: all texts lie in one buffer."""
    count = len(digests)
    digits = np.frombuffer(digests.buffers()[2], np.uint8, count * 40, digests.offset * 40).reshape(count, 40)
    texts = np.full((count, _LENGTH), ord("-"), np.uint8)
    source = target = 0
    for length in _GROUPS:
        texts[:, target : target + length] = digits[:, source : source + length]
        source, target = source + length, target + length + 1
    texts[:, _VERSION] = ord("5")
    texts[:, _VARIANT] = _VARIANTS[texts[:, _VARIANT]]
    ends = np.arange(0, (count + 1) * _LENGTH, _LENGTH, dtype=np.int64)
    return pl.Series(pa.LargeStringArray.from_buffers(count, pa.py_buffer(ends), pa.py_buffer(texts)))


def _blob(data: bytes) -> str:
    return "'" + "".join(f"\\x{byte:02X}" for byte in data) + "'::BLOB"


__all__ = ["uuid5s"]
