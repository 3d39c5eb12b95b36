"""The measures of a group of ended generations.

Averages are decimal: exact sums of the values to nine places, divided once, half to even. A sum of floats depends on
the order of the rows, and a quotient of floats on the height of the frame; these depend on nothing: the same events
give the same bytes through whatever files, batches and threads they came.

Counts and sums add up over groups and over windows; only the percentiles do not.
"""

import polars as pl

from pipelines.schema import MONEY

#: How many values a percentile needs to say more than which the largest one was. Below that it is marked as weak.
ENOUGH = {"p95": 20, "p99": 100}

#: A sum of measures: as fine and as wide as one of money.
_EXACT = MONEY
#: The percentiles of durations, as shares.
PERCENTILES = {"p50": 0.50, "p95": 0.95, "p99": 0.99}


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
        pl.when(~succeeded).then("tokens").alias("_failed_tokens"),
        pl.when(~succeeded).then("cost_usd").alias("_failed_cost"),
        (pl.col("attempt") == 1).alias("_is_first"),
    ]


def ended_measures() -> list[pl.Expr]:
    """Aggregates over a group of ended generations, which have the columns of `prepared`."""
    return [*summable_measures(), *percentiles("_duration", list(PERCENTILES), "duration_seconds")]


def summable_measures() -> list[pl.Expr]:
    """Those of `ended_measures` that follow from those of parts of the group: all but percentiles."""
    return [
        *outcomes(),
        pl.col("conflicting_terminal_events").sum(),
        *_attempts(),
        *_durations(),
        pl.col("quality_score").min().alias("min_quality"),
        pl.col("quality_score").max().alias("max_quality"),
        *sum_and_n("_exact_quality", "quality"),
        *spend(),
        *sum_and_n("_failed_tokens", "failed_tokens"),
        *sum_and_n("_failed_cost", "failed_cost"),
    ]


def derived() -> list[pl.Expr]:
    """What follows from the aggregates; null where it would divide by zero."""
    total = pl.col("total_generations")
    return [
        *derived_outcomes(),
        _rate("first_attempt_successes", "first_attempts").alias("first_attempt_success_rate"),
        _rate("eventual_successes", "final_attempts").alias("eventual_success_rate"),
        *is_weak("duration_n"),
        average("duration").alias("avg_duration_seconds"),
        average("failed_duration").alias("failed_avg_seconds"),
        average("quality").alias("avg_quality"),
        known("tokens").alias("total_tokens"),
        average("tokens").alias("avg_tokens"),
        known("cost").alias("total_cost_usd"),
        average("cost").alias("avg_cost_usd"),
        known("failed_tokens").alias("failed_tokens"),
        known("failed_cost").alias("failed_cost_usd"),
        _cost_per_success().alias("cost_per_success_usd"),
        pl.when(total > 0).then(pl.col("cost_n") / total).alias("known_cost_share"),
    ]


def outcomes() -> list[pl.Expr]:
    """How many ended, and how many of them well."""
    return [pl.len().alias("total_generations"), pl.col("_succeeded").sum().alias("successful_generations")]


def derived_outcomes() -> list[pl.Expr]:
    """What follows from `outcomes`."""
    total, successful = pl.col("total_generations"), pl.col("successful_generations")
    return [
        (total - successful).alias("failed_generations"),
        _rate("successful_generations", "total_generations").alias("success_rate"),
    ]


def spend() -> list[pl.Expr]:
    """Sums and numbers of what is known of tokens and cost."""
    return [*sum_and_n("tokens", "tokens"), *sum_and_n("cost_usd", "cost")]


def percentiles(column: str, names: list[str], unit: str) -> list[pl.Expr]:
    """Exact percentiles of the known values, interpolated linearly; null where none is known."""
    return [pl.col(column).quantile(PERCENTILES[name], "linear").alias(f"{name}_{unit}") for name in names]


def is_weak(n: str) -> list[pl.Expr]:
    """Tell of each percentile that needs many values whether there are too few; `n` is the column that counts them."""
    return [(pl.col(n).fill_null(0) < needed).alias(f"{name}_is_weak") for name, needed in ENOUGH.items()]


def sum_and_n(column: str, name: str) -> list[pl.Expr]:
    """The sum of the known values, and how many are known."""
    return [pl.col(column).sum().alias(f"{name}_sum"), pl.col(column).count().alias(f"{name}_n")]


def known(name: str) -> pl.Expr:
    """Return the sum, or null where nothing was known to add up."""
    return pl.when(pl.col(f"{name}_n") > 0).then(f"{name}_sum")


def average(name: str) -> pl.Expr:
    """Return the sum over the number of known values, or null where nothing was known."""
    return known(name) / pl.col(f"{name}_n")


def _durations() -> list[pl.Expr]:
    duration = pl.col("_duration")
    return [
        duration.min().alias("min_duration_seconds"),
        duration.max().alias("max_duration_seconds"),
        *sum_and_n("_exact_duration", "duration"),
        *sum_and_n("_exact_failed_duration", "failed_duration"),
    ]


def _attempts() -> list[pl.Expr]:
    """First attempts by how they ended, and workflows by how their last attempt did."""
    first, final, succeeded = pl.col("_is_first"), pl.col("is_final"), pl.col("_succeeded")
    return [
        first.sum().alias("first_attempts"),
        (first & succeeded).sum().alias("first_attempt_successes"),
        (~first).sum().alias("retried_attempts"),
        final.sum().alias("final_attempts"),
        (final & succeeded).sum().alias("eventual_successes"),
    ]


def _rate(part: str, whole: str) -> pl.Expr:
    return pl.when(pl.col(whole) > 0).then(pl.col(part) / pl.col(whole))


def _cost_per_success() -> pl.Expr:
    """What a success cost, failures included: over the generations whose cost is known, so that none counts as free."""
    successes = pl.col("cost_n") - pl.col("failed_cost_n")
    return pl.when(successes > 0).then(pl.col("cost_sum") / successes)
