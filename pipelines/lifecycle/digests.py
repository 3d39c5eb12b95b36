"""Whether events say of a workflow what they said before: a digest of it. A pure function of frames."""

from collections.abc import Iterable
from functools import reduce
from hashlib import blake2b
from operator import add

import polars as pl

from pipelines.lifecycle.accepted import PHASES, is_implied

_TIMES = ["began_at", *PHASES, "ended_at"]
_TEXTS = ["node_type", "domain"]
_HALF = 2**32


def event_digests(chained: pl.DataFrame, ends: pl.DataFrame, /) -> pl.DataFrame:
    """Return number and event_digest (64 bits) of each workflow: another one if its history would be another.

    chained: attempts as `histories` chains them, those of one workflow side by side; ends: their further ends. Digests
    are kept, so they must not depend on the version of a library.
    """
    told = chained.select("number", event_digest=_mixed(_attempt(chained)))
    if ends.height:
        told = pl.concat([told, ends.select("number", event_digest=_ends(ends))])
    if ends.height or chained["is_next"].any():
        told = told.group_by("number").agg(pl.col("event_digest").sum())
    return told.with_columns(pl.col("event_digest").reinterpret(signed=True))


def _attempt(chained: pl.DataFrame) -> Iterable[pl.Expr]:
    """What an attempt tells, each times a number of its own. Which event ended it needs no mention: see `_ends`."""
    told = {
        "attempt": pl.col("attempt").cast(pl.UInt64),
        **{name: pl.col(name).to_physical().reinterpret(signed=False) for name in _TIMES},
        **{f"{name} is implied": is_implied(name).cast(pl.UInt64) for name in PHASES},
        "is completed": (pl.col("outcome") == "completed").cast(pl.UInt64),
        **{name: _coded(chained[name]) for name in _TEXTS},
    }
    return [value.fill_null(0) * _factor(name) for name, value in told.items()]


def _coded(texts: pl.Series) -> pl.Expr:
    codes = {text: _code_of(text) for text in texts.unique() if text is not None}
    return pl.col(texts.name).replace_strict(codes, default=None, return_dtype=pl.UInt64)


def _ends(ends: pl.DataFrame) -> pl.Series:
    """Another event at the very time of the first end is a further end, so that all events that end it are told."""
    rows = ends.select("attempt", "kind", pl.col("event_time").to_physical(), "event_id").iter_rows()
    return pl.Series([_code_of(repr(row)) for row in rows], dtype=pl.UInt64)


def _mixed(terms: Iterable[pl.Expr]) -> pl.Expr:
    """Add them up; then spread the sum over all bits, since digests of several attempts are added up, too."""
    total = reduce(add, terms)
    return (total ^ (total // _HALF)) * _factor("mixed")


def _factor(name: str) -> pl.Expr:
    return pl.lit(_code_of(name) | 1, pl.UInt64)


def _code_of(text: str) -> int:
    """Return 64 bits of a hash of a text."""
    return int.from_bytes(blake2b(text.encode(), digest_size=8).digest())


__all__ = ["event_digests"]
