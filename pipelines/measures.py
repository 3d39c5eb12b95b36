"""The measures of a group of ended generations.

Averages are decimal: exact sums of the values to nine places, divided once, half to even. A sum of floats depends on
the order of the rows, and a quotient of floats on the height of the frame; these depend on nothing: the same events
give the same bytes through whatever files, batches and threads they came.
"""

import polars as pl

from pipelines.schema import MONEY

#: A sum of measures: as fine and as wide as one of money.
_EXACT = MONEY
_PERCENTILES = {"p50": 0.50, "p95": 0.95, "p99": 0.99}


def prepared() -> list[pl.Expr]:
    """Columns that `ended_measures` adds up, made of those of `schema.GENERATIONS`."""
    succeeded = pl.col("outcome") == "completed"
    duration = pl.col("duration_seconds")
    return [
        succeeded.alias("_succeeded"),
        pl.when(succeeded).then(duration).alias("_duration"),
        pl.when(succeeded).then(duration).cast(_EXACT).alias("_exact_duration"),
        pl.when(~succeeded).then(duration).cast(_EXACT).alias("_exact_failed_duration"),
        pl.col("quality_score").cast(_EXACT).alias("_exact_quality"),
    ]


def ended_measures() -> list[pl.Expr]:
    """Aggregates over a group of ended generations, which have the columns of `prepared`."""
    return [
        pl.len().alias("total_generations"),
        pl.col("_succeeded").sum().alias("successful_generations"),
        pl.col("conflicting_terminal_events").sum(),
        *_durations(),
        pl.col("quality_score").min().alias("min_quality"),
        pl.col("quality_score").max().alias("max_quality"),
        *_sum_and_n("_exact_quality", "quality"),
        *_sum_and_n("tokens", "tokens"),
        *_sum_and_n("cost_usd", "cost"),
    ]


def derived() -> list[pl.Expr]:
    """What follows from the aggregates; null where it would divide by zero."""
    total, successful = pl.col("total_generations"), pl.col("successful_generations")
    return [
        (total - successful).alias("failed_generations"),
        pl.when(total > 0).then(successful / total).alias("success_rate"),
        _average("duration").alias("avg_duration_seconds"),
        _average("failed_duration").alias("failed_avg_seconds"),
        _average("quality").alias("avg_quality"),
        _known("tokens").alias("total_tokens"),
        _average("tokens").alias("avg_tokens"),
        _known("cost").alias("total_cost_usd"),
        _average("cost").alias("avg_cost_usd"),
    ]


def _durations() -> list[pl.Expr]:
    duration = pl.col("_duration")
    return [
        *(duration.quantile(q, "linear").alias(f"{name}_duration_seconds") for name, q in _PERCENTILES.items()),
        duration.min().alias("min_duration_seconds"),
        duration.max().alias("max_duration_seconds"),
        *_sum_and_n("_exact_duration", "duration"),
        *_sum_and_n("_exact_failed_duration", "failed_duration"),
    ]


def _sum_and_n(column: str, name: str) -> list[pl.Expr]:
    return [pl.col(column).sum().alias(f"{name}_sum"), pl.col(column).count().alias(f"{name}_n")]


def _known(name: str) -> pl.Expr:
    """Return the sum, or null where nothing was known to add up."""
    return pl.when(pl.col(f"{name}_n") > 0).then(f"{name}_sum")


def _average(name: str) -> pl.Expr:
    return _known(name) / pl.col(f"{name}_n")
