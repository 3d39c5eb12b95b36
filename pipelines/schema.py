"""The columns of the frames between the lake and Postgres."""

import polars as pl

from ingest.schema import TIMESTAMP

#: A sum of money in US dollars: as fine as one event's cost, and wide enough for any sum of them.
MONEY = pl.Decimal(38, 9)

#: One row per (workflow_id, attempt).
GENERATIONS = pl.Schema(
    {
        "workflow_id": pl.String(),
        "attempt": pl.Int32(),
        "node_type": pl.String(),  # 'unknown' where no event of the workflow said
        "domain": pl.String(),  # 'unknown' where no event of the workflow said
        "primary_model": pl.String(),  # null where no event of the workflow said
        "started_at": TIMESTAMP,  # null: no started event
        "ended_at": TIMESTAMP,  # null: no terminal event
        "outcome": pl.String(),  # completed | failed; null: no terminal event
        "duration_seconds": pl.Float64(),  # a failed attempt's: until it failed; null: unknown
        "quality_score": pl.Float64(),  # [0, 1]; null: not completed, or unknown
        "quality_bucket": pl.String(),
        "tokens": pl.Int64(),  # null: unknown
        "cost_usd": MONEY,  # null: unknown
        "conflicting_terminal_events": pl.Int64(),
    }
)

#: What tells one row of the statistics from another.
STATISTICS_KEY = ["window_type", "window_start", "aggregation_type", "group_key"]

#: The counts: never null.
COUNTS = [
    "total_generations",
    "successful_generations",
    "failed_generations",
    "started_generations",
    "in_flight_generations",
    "abandoned_generations",
    "conflicting_terminal_events",
]

#: One row per STATISTICS_KEY. Every measure is null where its n is 0.
STATISTICS = pl.Schema(
    {
        "window_type": pl.String(),
        "window_start": TIMESTAMP,
        "window_end": TIMESTAMP,
        "aggregation_type": pl.String(),
        "group_key": pl.String(),
        "total_generations": pl.Int64(),  # successful + failed
        "successful_generations": pl.Int64(),
        "failed_generations": pl.Int64(),
        "success_rate": pl.Float64(),  # successful / total; null: total is 0
        "started_generations": pl.Int64(),
        "in_flight_generations": pl.Int64(),
        "abandoned_generations": pl.Int64(),
        "conflicting_terminal_events": pl.Int64(),
        # Successful generations, in seconds.
        "avg_duration_seconds": pl.Float64(),
        "p50_duration_seconds": pl.Float64(),
        "p95_duration_seconds": pl.Float64(),
        "p99_duration_seconds": pl.Float64(),
        "min_duration_seconds": pl.Float64(),
        "max_duration_seconds": pl.Float64(),
        "duration_n": pl.Int64(),
        # Failed generations, in seconds.
        "failed_avg_seconds": pl.Float64(),
        "failed_duration_n": pl.Int64(),
        "avg_quality": pl.Float64(),
        "min_quality": pl.Float64(),
        "max_quality": pl.Float64(),
        "quality_n": pl.Int64(),
        # Successful and failed generations alike.
        "total_tokens": pl.Int64(),
        "tokens_n": pl.Int64(),
        "avg_tokens": pl.Float64(),
        "total_cost_usd": MONEY,
        "cost_n": pl.Int64(),
        "avg_cost_usd": MONEY,  # to 9 decimals, half to even
    }
)
