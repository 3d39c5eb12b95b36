"""How the generations of some workflows went: for those who know a workflow, and not when it ran."""

from collections.abc import Mapping, Sequence
from typing import NamedTuple

import polars as pl

from ingest.lake import open_lake
from pipelines.compute import NEEDED
from pipelines.generations import generations
from pipelines.snapshot import snapshot_of


class Outcome(NamedTuple):
    """Quality from 0 to 1, None if it is not known, and whether the generation succeeded."""

    quality_score: float | None
    success: bool


def lake_outcomes(url: str, options: Mapping[str, str], workflows: Sequence[str]) -> dict[str, Outcome]:
    """Return the outcomes of those workflows whose latest attempt has ended, by the lake's latest version.

    It looks through the whole lake, since only the workflows are known.
    """
    if not workflows:
        return {}
    return outcomes(snapshot_of(open_lake(url, options)).events().select(NEEDED), workflows)


def outcomes(events: pl.LazyFrame, workflows: Sequence[str], /) -> dict[str, Outcome]:
    """Return the outcome of each workflow's latest attempt that has ended; of others there is none."""
    concerned = events.filter(pl.col("workflow_id").is_in(list(workflows)))
    ended = generations(concerned).filter(pl.col("outcome").is_not_null())
    latest = ended.sort("attempt").group_by("workflow_id").last().collect()
    rows = latest.select("workflow_id", "quality_score", "outcome").iter_rows()
    return {workflow: Outcome(quality, outcome == "completed") for workflow, quality, outcome in rows}


__all__ = ["Outcome", "lake_outcomes", "outcomes"]
