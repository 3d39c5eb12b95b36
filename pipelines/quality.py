"""Quality scores and the buckets they fall in."""

import polars as pl

from pipelines.enums import EnumQualityBucket

#: Where medium and high begin. A bucket holds its lower bound, not its upper; high holds 1 as well.
MEDIUM_FROM = 0.6
HIGH_FROM = 0.8


def quality_bucket(score: pl.Expr) -> pl.Expr:
    """Bucket of each score: low [0, .6), medium [.6, .8), high [.8, 1], unscored for the rest. Never null."""
    return (
        pl.when(score.is_between(0.0, MEDIUM_FROM, closed="left"))
        .then(pl.lit(EnumQualityBucket.LOW.value))
        .when(score.is_between(MEDIUM_FROM, HIGH_FROM, closed="left"))
        .then(pl.lit(EnumQualityBucket.MEDIUM.value))
        .when(score.is_between(HIGH_FROM, 1.0))
        .then(pl.lit(EnumQualityBucket.HIGH.value))
        .otherwise(pl.lit(EnumQualityBucket.UNSCORED.value))
    )
