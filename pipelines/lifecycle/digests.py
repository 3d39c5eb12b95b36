"""Whether events say of a workflow what they said before: a digest of it. A pure function of frames."""

from uuid import UUID

import polars as pl

from ingest.uuids import uuid5s
from pipelines.lifecycle.accepted import PHASES, is_implied

_NAMESPACE = UUID("5b3c1f0e-9d0b-5f1c-8a43-0d6f5a7c2e91")
_TIMES = ["began_at", *PHASES, "ended_at"]
_TEXTS = ["outcome", "end_event_id", "node_type", "domain"]


def event_digests(chained: pl.DataFrame, ends: pl.DataFrame, /) -> pl.DataFrame:
    """Return number and event_digest of each workflow: another UUID if its history would be another.

    chained: attempts as `histories` chains them, those of one workflow side by side; ends: their further ends.
    """
    told = chained.select("number", text=_attempt())
    if chained["is_next"].any():
        told = _together(told)
    if ends.height:
        further = _together(ends.select("number", text=_end()).sort("number", "text")).rename({"text": "further"})
        both = pl.concat_str("text", "further", separator="\n", ignore_nulls=True)
        told = told.join(further, on="number", how="left", maintain_order="left").select("number", text=both)
    return told.select("number", uuid5s(_NAMESPACE, told["text"]).alias("event_digest"))


def _attempt() -> pl.Expr:
    return pl.concat_str(
        "attempt",
        *(pl.col(name).to_physical().cast(pl.String).fill_null("") for name in _TIMES),
        *(pl.col(name).fill_null("") for name in _TEXTS),
        *(is_implied(name).cast(pl.UInt8) for name in PHASES),
        separator=" ",
    )


def _end() -> pl.Expr:
    return pl.concat_str("attempt", "kind", pl.col("event_time").to_physical(), "event_id", separator=" ")


def _together(told: pl.DataFrame) -> pl.DataFrame:
    return told.group_by("number", maintain_order=True).agg(pl.col("text").str.join("\n"))


__all__ = ["event_digests"]
