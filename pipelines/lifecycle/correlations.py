"""Every correlation id that the events of a workflow have. Pure functions of frames."""

import polars as pl

from pipelines.lifecycle.schema import CORRELATIONS, MAX_CORRELATION_ID


def several_correlations(events: pl.LazyFrame, attempts: pl.DataFrame, /) -> pl.DataFrame:
    """Return `CORRELATIONS` of the workflows of which an attempt has more than one: these alone are read once more."""
    has_several = pl.col("correlation_id") != pl.col("last_correlation_id")
    workflows = attempts.filter(has_several).select("workflow_id").unique()
    if workflows.is_empty():
        return CORRELATIONS.to_frame()
    told = events.join(workflows.lazy(), on="workflow_id", how="semi")
    return told.select(CORRELATIONS.names()).unique().collect(engine="streaming")


def correlations_of(attempts: pl.DataFrame, several: pl.DataFrame, /) -> pl.DataFrame:
    """Return `CORRELATIONS` of these attempts: their own, and those that `several_correlations` found."""
    own = attempts.select(CORRELATIONS.names())
    more = several.join(attempts, on="workflow_id", how="semi") if several.height else several
    cut = pl.col("correlation_id").str.slice(0, MAX_CORRELATION_ID)
    return pl.concat([own, more]).filter(pl.col("correlation_id").is_not_null()).with_columns(cut).unique()


__all__ = ["correlations_of", "several_correlations"]
