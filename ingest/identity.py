"""Who an event is, so that the same event delivered twice counts once."""

from hashlib import sha1
from uuid import UUID

import polars as pl

#: The namespace of the derived identities (uuid5, RFC 9562 section 5.5).
NAMESPACE = UUID("6f4d1d0e-0d1f-5f0b-9a57-3d2c3c0a8f11")


def with_identity(facts: pl.DataFrame, /) -> pl.DataFrame:
    """Fill `event_id` where the producer gave none: uuid5 of workflow, kind, attempt, stage and time.

    Columns read: event_id, workflow_id, kind, attempt, stage_number, stage_name, event_time.
    """
    nameless = facts["event_id"].is_null()
    if not nameless.any():
        return facts
    # In one chunk: Polars' `format` panics when the chunks of its columns differ.
    derived = _uuid5(facts.filter(nameless).rechunk().select(_name()).to_series())
    if nameless.all():
        return facts.with_columns(derived)
    rows = nameless.arg_true()
    return facts.with_columns(facts["event_id"].scatter(rows, derived))


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


def _uuid5(names: pl.Series) -> pl.Series:
    """Like `str(uuid.uuid5(NAMESPACE, name))` for each name, without an object for each."""
    prefix = NAMESPACE.bytes
    digests = [sha1(prefix + name, usedforsecurity=False).hexdigest() for name in names.cast(pl.Binary).to_list()]
    digest = pl.col("digest").str
    # The two bits above a UUID's clock sequence say which variant it is.
    variant = digest.slice(16, 1).replace_strict({f"{digit:x}": "89ab"[digit & 3] for digit in range(16)})
    spelled = pl.concat_str(
        digest.slice(0, 8), pl.lit("-"), digest.slice(8, 4), pl.lit("-5"), digest.slice(13, 3), pl.lit("-"),
        variant, digest.slice(17, 3), pl.lit("-"), digest.slice(20, 12),
    )  # fmt: skip
    return pl.DataFrame({"digest": digests}, schema={"digest": pl.String}).select(event_id=spelled).to_series()
