"""The columns of the frames between the lake and Postgres."""

from typing import TypeVar

import polars as pl

from ingest.schema import TIMESTAMP

#: A frame, lazy or not; what comes out is what went in.
Frame = TypeVar("Frame", pl.DataFrame, pl.LazyFrame, pl.DataFrame | pl.LazyFrame)

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
        "is_final": pl.Boolean(),  # no later attempt of the workflow ended within a day of it; null: no terminal event
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
#: Counts of attempts by number: never null, and kept together in Postgres.
ATTEMPT_COUNTS = [
    "first_attempts",
    "first_attempt_successes",
    "retried_attempts",
    "final_attempts",
    "eventual_successes",
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
        # Of the generations that ended: first attempts and retries, and the last attempts of their workflows.
        "first_attempts": pl.Int64(),
        "first_attempt_successes": pl.Int64(),
        "first_attempt_success_rate": pl.Float64(),
        "retried_attempts": pl.Int64(),
        "final_attempts": pl.Int64(),
        "eventual_successes": pl.Int64(),
        "eventual_success_rate": pl.Float64(),
        # Successful generations, in seconds.
        "avg_duration_seconds": pl.Float64(),
        "p50_duration_seconds": pl.Float64(),
        "p95_duration_seconds": pl.Float64(),
        "p99_duration_seconds": pl.Float64(),
        "min_duration_seconds": pl.Float64(),
        "max_duration_seconds": pl.Float64(),
        "duration_n": pl.Int64(),
        "p95_is_weak": pl.Boolean(),  # fewer than 20 durations are behind it
        "p99_is_weak": pl.Boolean(),  # fewer than 100
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
        "known_cost_share": pl.Float64(),  # cost_n / total_generations; null: total is 0
        # Failed generations alone.
        "failed_tokens": pl.Int64(),
        "failed_tokens_n": pl.Int64(),
        "failed_cost_usd": MONEY,
        "failed_cost_n": pl.Int64(),
        "cost_per_success_usd": MONEY,  # known cost, failures included, over the successes of known cost
    }
)

#: One row per stage event of an attempt that ended.
STAGES = pl.Schema(
    {
        "workflow_id": pl.String(),
        "attempt": pl.Int32(),
        "node_type": pl.String(),
        "domain": pl.String(),
        "primary_model": pl.String(),
        "quality_bucket": pl.String(),
        "ended_at": TIMESTAMP,  # the attempt's end
        "stage": pl.String(),  # the stage's name, else its number as "stage 3", else 'unknown'
        "stage_number": pl.Int32(),
        "stage_success": pl.Boolean(),  # null: the event did not say
        "duration_ms": pl.Float64(),
        "tokens": pl.Int64(),
        "cost_usd": MONEY,
    }
)

#: One row per STATISTICS_KEY and stage.
STAGE_STATISTICS = pl.Schema(
    {
        **{name: STATISTICS[name] for name in STATISTICS_KEY},
        "stage": pl.String(),
        "stage_number": pl.Int64(),  # the least that was said; null: none was
        "count": pl.Int64(),
        "failures": pl.Int64(),
        # Stages that did not fail, in milliseconds.
        "p50_ms": pl.Float64(),
        "p95_ms": pl.Float64(),
        "duration_n": pl.Int64(),
        "p95_is_weak": pl.Boolean(),
        # Failed or not.
        "total_tokens": pl.Int64(),
        "tokens_n": pl.Int64(),
        "total_cost_usd": MONEY,
        "cost_n": pl.Int64(),
    }
)

_OUTCOMES = ["total_generations", "successful_generations", "failed_generations", "success_rate"]
_MODEL_MEASURES = [
    *_OUTCOMES,
    "p50_duration_seconds",
    "p95_duration_seconds",
    "duration_n",
    "p95_is_weak",
    "total_tokens",
    "tokens_n",
    "total_cost_usd",
    "cost_n",
]

#: One row per STATISTICS_KEY and model ('unknown' where no event said): generations that ended.
MODEL_STATISTICS = pl.Schema(
    {
        **{name: STATISTICS[name] for name in STATISTICS_KEY},
        "model": pl.String(),
        **{name: STATISTICS[name] for name in _MODEL_MEASURES},
    }
)

#: One row per STATISTICS_KEY and node type: generations that ended.
NODE_TYPE_STATISTICS = pl.Schema(
    {
        **{name: STATISTICS[name] for name in STATISTICS_KEY},
        "node_type": pl.String(),
        **{name: STATISTICS[name] for name in _OUTCOMES},
    }
)
