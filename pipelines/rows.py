"""From statistics to the rows of `codegen_metrics_aggregated`."""

from uuid import UUID, uuid5

import polars as pl

from sql.metric_rows import METRIC_ROWS

#: The namespace of all aggregation ids: uuid5 of "urn:omninode:codegen_metrics_aggregated" as a URL. It never changes.
NAMESPACE = UUID("d9d8488f-1ea9-5ed4-a25a-f9efe3c73853")

_DURATION = {
    "avg_seconds": "avg_duration_seconds",
    "p50_seconds": "p50_duration_seconds",
    "p95_seconds": "p95_duration_seconds",
    "p99_seconds": "p99_duration_seconds",
    "min_seconds": "min_duration_seconds",
    "max_seconds": "max_duration_seconds",
    "n": "duration_n",
    "failed_avg_seconds": "failed_avg_seconds",
    "failed_n": "failed_duration_n",
}
_QUALITY = {"avg_score": "avg_quality", "min_score": "min_quality", "max_score": "max_quality", "n": "quality_n"}
_COST = {
    "total_tokens": "total_tokens",
    "total_cost_usd": "total_cost_usd",
    "avg_tokens_per_generation": "avg_tokens",
    "avg_cost_per_generation": "avg_cost_usd",
    "tokens_n": "tokens_n",
    "cost_n": "cost_n",
}
_MONEY = {"total_cost_usd", "avg_cost_usd"}


def metric_rows(statistics: pl.DataFrame, /) -> pl.DataFrame:
    """Return one row of `sql.metric_rows.METRIC_ROWS` per row of `schema.STATISTICS`, in the same order.

    Durations are in seconds. In the JSON, what is unknown is null, and money a number with all its digits.
    """
    rows = statistics.with_columns(
        _aggregation_ids(statistics),
        _json_object(_DURATION, method="exact").alias("duration_statistics"),
        _json_object(_QUALITY).alias("quality_statistics"),
        _json_object(_COST).alias("cost_statistics"),
    )
    return rows.select(METRIC_ROWS.names())


def aggregation_id(window_type: str, window_start: str, aggregation_type: str, group_key: str) -> str:
    """Return the identity of a row. `window_start` is UTC, as in the example.

    >>> aggregation_id("hourly", "2025-10-24T10:00:00Z", "node_type_grouping", "effect")
    'c765aebe-d69b-5e32-800b-81bdb2268469'
    """
    return str(uuid5(NAMESPACE, f"{window_type}|{window_start}|{aggregation_type}|{group_key}"))


def _aggregation_ids(statistics: pl.DataFrame) -> pl.Series:
    start = pl.col("window_start").dt.strftime("%Y-%m-%dT%H:%M:%SZ")
    keys = statistics.select("window_type", start, "aggregation_type", "group_key").iter_rows()
    return pl.Series("aggregation_id", [aggregation_id(*key) for key in keys], dtype=pl.String)


def _json_object(columns: dict[str, str], **constants: str) -> pl.Expr:
    """Spell out {key: number of the column, ..., key: constant text}."""
    members = [pl.lit(f'"{key}":') + _json_number(column) for key, column in columns.items()]
    texts = [pl.lit(f'"{key}":"{text}"') for key, text in constants.items()]
    return pl.lit("{") + pl.concat_str([*members, *texts], separator=",") + pl.lit("}")


def _json_number(column: str) -> pl.Expr:
    digits = pl.col(column).cast(pl.String)
    if column in _MONEY:
        digits = digits.str.strip_chars_end("0").str.strip_chars_end(".")
    return digits.fill_null("null")
