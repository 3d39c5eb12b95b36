"""Who an event is, so that the same event delivered twice counts once."""

from array import array
from hashlib import sha1
from uuid import UUID

import polars as pl
import pyarrow as pa  # type: ignore[import-untyped]  # it brings no types

#: The namespace of the derived identities (uuid5, RFC 9562 section 5.5).
NAMESPACE = UUID("6f4d1d0e-0d1f-5f0b-9a57-3d2c3c0a8f11")

_READ = ("workflow_id", "kind", "attempt", "stage_number", "stage_name", "event_time")
#: A UUID's text, where the digits of the digest go in it, and the two digits that say what kind of UUID it is.
_LENGTH, _DIGEST_LENGTH = 36, 40
_PLACES = [place for place in range(_LENGTH) if place not in (8, 13, 18, 23)]
_VERSION, _VARIANT = 14, 19
_VARIANTS = bytes.maketrans(b"0123456789abcdef", b"89ab" * 4)


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
    derived = _uuid5(names.cast(pl.Binary).to_list())
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
    )


def _uuid5(names: list[bytes]) -> pl.Series:
    """Like `str(uuid.uuid5(NAMESPACE, name))` for each name, without an object for each.

    >>> from uuid import uuid5
    >>> _uuid5([b"a"]).to_list() == [str(uuid5(NAMESPACE, "a"))]
    True
    """
    prefix, count = NAMESPACE.bytes, len(names)
    digests = "".join([sha1(prefix + name, usedforsecurity=False).hexdigest() for name in names]).encode()
    # All texts lie in one buffer, each character of all of them in one stroke.
    spelled = bytearray(b"-") * (_LENGTH * count)
    for source, place in enumerate(_PLACES):
        spelled[place::_LENGTH] = digests[source::_DIGEST_LENGTH]
    spelled[_VERSION::_LENGTH] = b"5" * count
    spelled[_VARIANT::_LENGTH] = spelled[_VARIANT::_LENGTH].translate(_VARIANTS)
    ends = array("q", range(0, (count + 1) * _LENGTH, _LENGTH))
    return pl.Series("event_id", pa.LargeStringArray.from_buffers(count, pa.py_buffer(ends), pa.py_buffer(spelled)))
