"""Who an event is, so that the same event delivered twice counts once."""

from uuid import UUID

import polars as pl

from ingest.uuids import uuid5s

#: The namespace of the derived identities (uuid5, RFC 9562 section 5.5).
NAMESPACE = UUID("6f4d1d0e-0d1f-5f0b-9a57-3d2c3c0a8f11")

_READ = ("workflow_id", "kind", "attempt", "stage_number", "stage_name", "event_time")


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
    derived = uuid5s(NAMESPACE, names).alias("event_id")
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
