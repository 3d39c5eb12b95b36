"""Whether events say of a workflow what they said before: a digest of it. A pure function of frames."""

from uuid import UUID

import polars as pl

from ingest.uuids import uuid5s

_NAMESPACE = UUID("5b3c1f0e-9d0b-5f1c-8a43-0d6f5a7c2e91")


def event_digests(workflows: pl.DataFrame, transitions: pl.DataFrame, /) -> pl.Series:
    """Return a UUID of each workflow, in their order: another one if anything that is derived of it is another.

    workflows: with workflow_id, created_at and metadata; transitions: with workflow_id, name, transition_timestamp,
    metadata and reason, from which all else follows. The order of the transitions makes no difference.
    """
    told = transitions.select(
        "workflow_id",
        text=pl.concat_str(
            # The name begins with the workflow's id.
            pl.col("name").str.slice(pl.col("workflow_id").str.len_bytes()),
            pl.col("transition_timestamp").to_physical().cast(pl.String),
            "metadata",
            pl.col("reason").fill_null(""),
            separator=" ",
        ),
    )
    texts = told.group_by("workflow_id").agg(pl.col("text").sort().str.join("\n"))
    names = workflows.join(texts, on="workflow_id", how="left", maintain_order="left").select(
        pl.concat_str(pl.col("created_at").to_physical().cast(pl.String), "metadata", "text", separator="\n")
    )
    return uuid5s(_NAMESPACE, names.to_series())


__all__ = ["event_digests"]
