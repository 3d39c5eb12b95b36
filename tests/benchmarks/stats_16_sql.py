"""All four strategies in all four windows, in the SQL of ClickHouse and of DuckDB, each in its fastest form."""

from itertools import product
from pathlib import Path

_CELL = ["node_type", "quality_bucket", "domain"]
_SETS = ", ".join(
    f"({window}, {group})" if group else f"({window})" for window, group in product("hdwm", [*_CELL, None])
)
_OK = "FILTER (WHERE outcome = 'completed')"
_FAILED = "FILTER (WHERE outcome = 'failed')"
ENDED = {
    "total_generations": "count(*)",
    "successful_generations": f"count(*) {_OK}",
    "conflicting_terminal_events": "sum(conflicting_terminal_events)",
    "first_attempts": "count(*) FILTER (WHERE attempt = 1)",
    "first_attempt_successes": "count(*) FILTER (WHERE attempt = 1 AND outcome = 'completed')",
    "retried_attempts": "count(*) FILTER (WHERE attempt > 1)",
    "final_attempts": "count(*) FILTER (WHERE is_final)",
    "eventual_successes": "count(*) FILTER (WHERE is_final AND outcome = 'completed')",
    "min_duration_seconds": f"min(duration_seconds) {_OK}",
    "max_duration_seconds": f"max(duration_seconds) {_OK}",
    "duration_sum": f"sum(duration_seconds) {_OK}",
    "duration_n": f"count(duration_seconds) {_OK}",
    "failed_duration_sum": f"sum(duration_seconds) {_FAILED}",
    "failed_duration_n": f"count(duration_seconds) {_FAILED}",
    "min_quality": "min(quality_score)",
    "max_quality": "max(quality_score)",
    "quality_sum": "sum(quality_score)",
    "quality_n": "count(quality_score)",
    "total_tokens": "sum(tokens)",
    "tokens_n": "count(tokens)",
    "total_cost_usd": "sum(cost_usd)",
    "cost_n": "count(cost_usd)",
    "failed_tokens": f"sum(tokens) {_FAILED}",
    "failed_tokens_n": f"count(tokens) {_FAILED}",
    "failed_cost_usd": f"sum(cost_usd) {_FAILED}",
    "failed_cost_n": f"count(cost_usd) {_FAILED}",
}
STARTED = {"started_generations": "count(*)"}
_QUANTILES = "(0.005, 0.5, 0.95, 0.99)"


def clickhouse(file: Path) -> list[str]:
    """Two statements: what ended, with percentiles as its own DDSketch of our error, and what started.

    Hours and cells first, all windows from their states: the fastest form tried (16 sets at once take 2.3x as long).
    """
    windows = "h, toStartOfDay(h) d, toDateTime(toMonday(h), 'UTC') w, toDateTime(toStartOfMonth(h), 'UTC') m"
    is_known = "outcome = 'completed' AND duration_seconds IS NOT NULL"
    state = f"quantilesDDStateIf{_QUANTILES}(assumeNotNull(duration_seconds), {is_known}) AS q"
    return [
        f"SELECT {_key('toUnixTimestamp')}, {_merges(names)}{merge} FROM (SELECT *, {windows} FROM "
        f"(SELECT toDateTime(toStartOfHour({instant}), 'UTC') h, {', '.join(_CELL)}, {_aggregates(names)}{states} "
        f"FROM file('{file}') WHERE {instant} IS NOT NULL GROUP BY ALL)) "
        f"GROUP BY GROUPING SETS ({_SETS}) SETTINGS group_by_use_nulls = 1"
        for instant, names, states, merge in [
            ("ended_at", ENDED, f", {state}", f", quantilesDDMerge{_QUANTILES}(q) AS percentiles"),
            ("started_at", STARTED, "", ""),
        ]
    ]


def duckdb(file: Path) -> list[str]:
    """What ended and what started from hours and cells; then the percentiles, exact, from one table of durations."""
    windows = "h, date_trunc('day', h) d, date_trunc('week', h) w, date_trunc('month', h) m"
    sums = [
        f"SELECT {_key('epoch')}, {_merges(names)} FROM (SELECT *, {windows} FROM "
        f"(SELECT date_trunc('hour', {instant}) h, {', '.join(_CELL)}, {_aggregates(names)} "
        f"FROM read_parquet('{file}') WHERE {instant} IS NOT NULL GROUP BY ALL)) GROUP BY GROUPING SETS ({_SETS})"
        for instant, names in [("ended_at", ENDED), ("started_at", STARTED)]
    ]
    durations = (
        f"CREATE OR REPLACE TEMP TABLE durations AS SELECT {windows}, {', '.join(_CELL)}, duration_seconds FROM "
        f"(SELECT *, date_trunc('hour', ended_at) h FROM read_parquet('{file}') WHERE outcome = 'completed')"
    )
    quantiles = [
        f"SELECT '{window}' AS of, {window}, {group or chr(39) + 'all' + chr(39)} AS name, "
        "quantile_cont(duration_seconds, [0.5, 0.95, 0.99]) FROM durations GROUP BY ALL"
        for window, group in product("hdwm", [*_CELL, None])
    ]
    return [*sums, durations, *quantiles]


def _key(seconds: str) -> str:
    return (
        "CASE WHEN h IS NOT NULL THEN 'hourly' WHEN d IS NOT NULL THEN 'daily' WHEN w IS NOT NULL THEN 'weekly' "
        f"ELSE 'monthly' END AS window_type, {seconds}(coalesce(h, d, w, m)) AS at, "
        "CASE WHEN node_type IS NOT NULL THEN 'node_type_grouping' WHEN quality_bucket IS NOT NULL THEN "
        "'quality_buckets' WHEN domain IS NOT NULL THEN 'domain_grouping' ELSE 'time_window' END AS aggregation_type, "
        "coalesce(node_type, quality_bucket, domain, 'all') AS group_key"
    )


def _aggregates(names: dict[str, str]) -> str:
    return ", ".join(f"{sql} AS {name}_" for name, sql in names.items())


def _merges(names: dict[str, str]) -> str:
    how = {"min_": "min", "max_": "max"}
    return ", ".join(f"{how.get(name[:4], 'sum')}({name}_) AS {name}" for name in names)
