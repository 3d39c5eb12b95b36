"""From statistics to the rows of `codegen_metrics_aggregated`."""

import json
from collections.abc import Mapping
from types import MappingProxyType
from uuid import UUID, uuid5

import polars as pl

from ingest.uuids import uuid5s
from pipelines.breakdowns import Breakdowns, no_breakdowns
from pipelines.schema import MONEY, STATISTICS_KEY
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
    "p95_is_weak": "p95_is_weak",
    "p99_is_weak": "p99_is_weak",
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
    "known_cost_share": "known_cost_share",
    "cost_per_success_usd": "cost_per_success_usd",
    "failed_tokens": "failed_tokens",
    "failed_cost_usd": "failed_cost_usd",
    "failed_tokens_n": "failed_tokens_n",
    "failed_cost_n": "failed_cost_n",
}
_ATTEMPTS = [
    "first_attempts",
    "first_attempt_successes",
    "first_attempt_success_rate",
    "retried_attempts",
    "final_attempts",
    "eventual_successes",
    "eventual_success_rate",
]
_OUTCOMES = ["total_generations", "successful_generations", "failed_generations", "success_rate"]
_SPEND = ["total_tokens", "tokens_n", "total_cost_usd", "cost_n"]
#: Members of the objects by stage, model and node type, and their columns.
_STAGE = {
    **{name: name for name in ("stage_number", "count", "failures", "p50_ms", "p95_ms")},
    "n": "duration_n",
    **{name: name for name in ("p95_is_weak", *_SPEND)},
}
_MODEL = {
    **{name: name for name in _OUTCOMES},
    "p50_seconds": "p50_duration_seconds",
    "p95_seconds": "p95_duration_seconds",
    "n": "duration_n",
    **{name: name for name in ("p95_is_weak", *_SPEND)},
}
_NODE_TYPE = {name: name for name in _OUTCOMES}
_ATTEMPT = {name: name for name in _ATTEMPTS}


def metric_rows(
    statistics: pl.DataFrame, breakdowns: Breakdowns | None = None, /, *, relative_error: float | None = None
) -> pl.DataFrame:
    """Return one row of `sql.metric_rows.METRIC_ROWS` per row of `schema.STATISTICS`, in the same order.

    Durations are in seconds. In the JSON, what is unknown is null, and money a number with all its digits. Stages,
    models and node types are objects by their names; without breakdowns they are empty. relative_error: of the
    percentiles, if they were merged from sketches; None: they are exact.
    """
    parts = breakdowns or no_breakdowns()
    method = {"method": "exact" if relative_error is None else "ddsketch", "relative_error": relative_error}
    rows = statistics.with_columns(
        _aggregation_ids(statistics),
        _json_object(statistics, _DURATION, method).alias("duration_statistics"),
        _json_object(statistics, _QUALITY).alias("quality_statistics"),
        _json_object(statistics, _COST).alias("cost_statistics"),
        _json_object(statistics, _ATTEMPT).alias("attempt_statistics"),
    )
    for texts in (
        _by_name(parts.stages, "stage", _STAGE),
        _by_name(parts.models, "model", _MODEL),
        _by_name(parts.node_types, "node_type", _NODE_TYPE),
    ):
        rows = rows.join(texts, on=STATISTICS_KEY, how="left", maintain_order="left")
    by_name = [f"{name}_statistics" for name in ("stage", "model", "node_type")]
    return rows.with_columns(pl.col(by_name).fill_null("{}")).select(METRIC_ROWS.names())


def aggregation_id(window_type: str, window_start: str, aggregation_type: str, group_key: str) -> str:
    """Return the identity of a row. `window_start` is UTC, as in the example.

    >>> aggregation_id("hourly", "2025-10-24T10:00:00Z", "node_type_grouping", "effect")
    'c765aebe-d69b-5e32-800b-81bdb2268469'
    """
    return str(uuid5(NAMESPACE, f"{window_type}|{window_start}|{aggregation_type}|{group_key}"))


def _aggregation_ids(statistics: pl.DataFrame) -> pl.Series:
    """The same for all rows."""
    start = pl.col("window_start").dt.strftime("%Y-%m-%dT%H:%M:%SZ")
    names = pl.concat_str("window_type", start, "aggregation_type", "group_key", separator="|")
    return uuid5s(NAMESPACE, statistics.select(names).to_series()).alias("aggregation_id")


def _by_name(frame: pl.DataFrame, name: str, members: Mapping[str, str]) -> pl.DataFrame:
    """Return one JSON object per STATISTICS_KEY, with an object for each name, in order of names."""
    spelled = {text: json.dumps(text, ensure_ascii=False) for text in frame[name].unique().to_list()}
    quoted = pl.col(name).replace_strict(spelled, return_dtype=pl.String)
    member = pl.concat_str(quoted, pl.lit(":"), _json_object(frame, members))
    text = pl.lit("{") + pl.col("member").sort_by(name).str.join(",") + pl.lit("}")
    return frame.with_columns(member.alias("member")).group_by(STATISTICS_KEY).agg(text.alias(f"{name}_statistics"))


def _json_object(
    frame: pl.DataFrame, members: Mapping[str, str], constants: Mapping[str, str | float | None] = MappingProxyType({})
) -> pl.Expr:
    """Spell out {key: number of the column, ..., key: constant}."""
    schema = frame.schema  # a frame makes it anew each time that it is asked
    numbers = [pl.lit(f'"{key}":') + _json_number(schema, column) for key, column in members.items()]
    texts = [pl.lit(f"{json.dumps(key)}:{json.dumps(value)}") for key, value in constants.items()]
    return pl.lit("{") + pl.concat_str([*numbers, *texts], separator=",") + pl.lit("}")


def _json_number(schema: pl.Schema, column: str) -> pl.Expr:
    digits = pl.col(column).cast(pl.String)
    if schema[column] == MONEY:
        digits = digits.str.strip_chars_end("0").str.strip_chars_end(".")
    return digits.fill_null("null")
