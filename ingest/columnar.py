"""Turn what was read from many messages of one kind into facts of events, column by column."""

from datetime import datetime
from functools import cache

import polars as pl
import pyarrow as pa  # type: ignore[import-untyped]  # it brings no types

from ingest.kinds import EventKind
from ingest.limits import Limits
from ingest.schema import FACTS, TIMESTAMP
from ingest.trust import trusted
from ingest.wire import LABELS, Wire

_DURATIONS = ("duration_seconds", "total_duration_seconds", "partial_duration_seconds")
_TIME = r"^\d{4}-\d\d-\d\dT([01]\d|2[0-3]):[0-5]\d:[0-5]\d(\.\d{1,6})?(Z|\+00:00)?$"


def facts_of(wire: Wire, kafka_times: pl.Series, kind: EventKind, *, now: datetime, limits: Limits) -> pl.DataFrame:
    """Return the facts of events of this kind, and whether they can be relied on: `schema.FACTS` and `trusted`.

    kafka_times: Kafka's own time of each message, UTC; null where it keeps none.
    """
    has = wire.has
    time = _times(wire.frame["timestamp"]) if "timestamp" in has else pl.lit(None, dtype=TIMESTAMP)
    parsed = wire.frame.with_columns(time.alias("time"), kafka_times.alias("kafka_time"))
    parsed = parsed.with_columns(event_time=pl.coalesce("time", "kafka_time"))
    return parsed.select(**_facts(has, kind), trusted=trusted(wire, parsed, kind, now=now, limits=limits))


def _times(told: pl.Series) -> pl.Series:
    """The times that these texts tell, null for what `_TIME` does not match or no calendar has."""
    # All are in UTC, whether they say so or not.
    local = pl.col("told").str.strip_suffix("Z").str.strip_suffix("+00:00")
    texts = told.to_frame("told").select(pl.when(pl.col("told").str.contains(_TIME)).then(local)).to_series()
    try:
        # Arrow reads times several times faster than Polars, but none at all if one is a 30th of February.
        times = pl.Series(texts.to_arrow(compat_level=pl.CompatLevel.oldest()).cast(pa.timestamp("us")))
    except pa.ArrowInvalid:
        times = texts.str.to_datetime("%Y-%m-%dT%H:%M:%S%.f", time_unit="us", strict=False)
    return times.dt.replace_time_zone("UTC")


@cache
def _facts(has: tuple[str, ...], kind: EventKind) -> dict[str, pl.Expr]:
    def first(*names: str) -> pl.Expr:
        there = [pl.col(name) for name in names if name in has]
        return pl.coalesce(there) if there else pl.lit(None)

    seconds = first(*_DURATIONS)
    # Polars multiplies by the inverse of a constant, which is not the same to the last digit; this is no constant.
    thousand = pl.col("duration_ms") * 0 + 1000
    derived = {
        "kind": pl.lit(kind.value),
        "event_time": pl.col("event_time"),
        "attempt": 1 + first("retry_count").cast(pl.Float64).fill_null(0),
        "time_source": pl.when(pl.col("time").is_null()).then(pl.lit("kafka")).otherwise(pl.lit("payload")),
        "stage_success": first("success"),
        "duration_seconds": pl.coalesce(pl.col("duration_ms") / thousand, seconds) if "duration_ms" in has else seconds,
        "tokens": first("tokens_consumed", "total_tokens"),
        # Through text, for the decimal that the number's own digits spell.
        "cost_usd": first("cost_usd", "total_cost_usd").cast(pl.String).str.to_decimal(scale=9),
    }
    labels = {name: pl.col(name).str.strip_chars(" ").str.to_lowercase() for name in LABELS if name in has}
    columns = derived | labels
    return {name: columns.get(name, first(name)).cast(dtype, strict=False) for name, dtype in FACTS.items()}
