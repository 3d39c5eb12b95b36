"""Who an event is, so that the same event delivered twice counts once."""

from functools import cache
from uuid import UUID, uuid5

import duckdb
import numpy as np
import polars as pl
import pyarrow as pa  # type: ignore[import-untyped]  # it brings no types

#: The namespace of the derived identities (uuid5, RFC 9562 section 5.5).
NAMESPACE = UUID("6f4d1d0e-0d1f-5f0b-9a57-3d2c3c0a8f11")

_READ = ("workflow_id", "kind", "attempt", "stage_number", "stage_name", "event_time")
#: For fewer than this a query takes longer than it saves.
_MANY = 1_000
#: Where the digits of a digest go in the text of a UUID: five groups, each of so many digits, between dashes.
_GROUPS = (8, 4, 4, 4, 12)
_LENGTH = 36
_VERSION, _VARIANT = 14, 19
#: The variant's digit keeps the lower two bits of the digest's.
_VARIANTS = np.frombuffer(bytes.maketrans(b"0123456789abcdef", b"89ab" * 4), np.uint8)


def with_identity(facts: pl.DataFrame, /) -> pl.DataFrame:
    """Fill `event_id` where the producer gave none: uuid5 of workflow, kind, attempt, stage and time.

    Columns read: event_id, workflow_id, kind, attempt, stage_number, stage_name, event_time.
    """
    nameless = facts["event_id"].is_null()
    if not nameless.any():
        return facts
    read = facts.select(_READ)
    # In one chunk: Polars' `format` panics when the chunks of its columns differ.
    names = (read if nameless.all() else read.filter(nameless)).rechunk().select(_name()).to_series()
    derived = (_uuid5_of_many if len(names) >= _MANY else _uuid5)(names).alias("event_id")
    if nameless.all():
        return facts.with_columns(derived)
    return facts.with_columns(facts["event_id"].scatter(nameless.arg_true(), derived))


def _name() -> pl.Expr:
    return pl.format(
        "{}|{}|{}|{}|{}|{}",
        "workflow_id",
        "kind",
        "attempt",
        pl.col("stage_number").cast(pl.String).fill_null(""),
        pl.col("stage_name").fill_null(""),
        pl.col("event_time").dt.epoch("us"),
    ).alias("name")


def _uuid5(names: pl.Series) -> pl.Series:
    return pl.Series([str(uuid5(NAMESPACE, name)) for name in names], dtype=pl.String)


def _uuid5_of_many(names: pl.Series) -> pl.Series:
    """Like `_uuid5`, without an object for each name; other threads of Python go on meanwhile.

    >>> names = pl.Series("name", ["a", "b"])
    >>> _uuid5_of_many(names).equals(_uuid5(names))
    True
    """
    # A cursor of its own for each call: threads must not share one.
    table = _hasher().cursor().from_arrow(names.to_frame().to_arrow())
    digests = table.project(f"sha1({_blob(NAMESPACE.bytes)} || encode(name)) AS digest").to_arrow_table()
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
