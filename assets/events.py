"""The lake's table of events: written by ingest, so external to Dagster, and checked here."""

from urllib.parse import urlsplit, urlunsplit

import dagster as dg
import polars as pl

from assets.columns import column_schema
from assets.names import EVENTS, GROUP, OWNERS
from ingest.delta_table import events_url
from ingest.lake import Lake
from ingest.schema import EVENTS as EVENT_COLUMNS
from pipelines.snapshot import snapshot_of

_IDENTITY = ["kind", "event_id", "workflow_id", "attempt", "event_time", "topic", "partition", "offset"]


def events_spec(lake_url: str) -> dg.AssetSpec:
    """Describe the table of a lake at a folder or URL; what the URL holds of secrets is left out."""
    return dg.AssetSpec(
        EVENTS,
        description=(
            "Every event as it came from Kafka, one row a delivery, in a Delta table of Parquet files by event date. "
            "`omninode ingest` writes it; Dagster only reads it."
        ),
        group_name=GROUP,
        owners=OWNERS,
        kinds={"deltalake", "parquet", "kafka"},
        metadata={
            "dagster/uri": without_secrets(events_url(lake_url)),
            "dagster/column_schema": column_schema(EVENT_COLUMNS),
        },
    )


def without_secrets(url: str) -> str:
    """Return a URL without user, password and query. A folder stays as it is.

    >>> without_secrets("s3://key:secret@bucket/lake?token=t")
    's3://bucket/lake'
    """
    if "://" not in url:
        return url
    parts = urlsplit(url)
    return urlunsplit((parts.scheme, parts.netloc.rpartition("@")[2], parts.path, "", ""))


@dg.asset_check(
    asset=EVENTS,
    name="events_are_sound",
    description=(
        "Every row names its event and its place in Kafka, lies under its own date, "
        "and no micro-batch holds one Kafka message twice."
    ),
)
def events_are_sound(lake: dg.ResourceParam[Lake]) -> dg.AssetCheckResult:
    """Look through the whole table; only the columns of identity and place are read."""
    snapshot = snapshot_of(lake)
    counts = count_faults(snapshot.events())
    faults = {name: count for name, count in counts.items() if name != "rows"}
    return dg.AssetCheckResult(passed=not any(faults.values()), metadata={"lake_version": snapshot.version, **counts})


def count_faults(events: pl.LazyFrame, /) -> dict[str, int]:
    """Count the rows, those without identity, those under a wrong date, and the messages a batch holds again.

    Positions are compared within a micro-batch: a new cluster counts its offsets from 0 again.
    """
    unnamed = pl.any_horizontal(pl.col(_IDENTITY).is_null())
    misplaced = pl.col("event_date").ne_missing(pl.col("event_time").dt.date())
    rows = events.select(
        rows=pl.len(),
        rows_without_identity=unnamed.sum(),
        rows_under_a_wrong_date=misplaced.sum(),
    )
    repeated = (
        events.group_by("batch_id", "topic", "partition")
        .agg((pl.len() - pl.col("offset").n_unique()).alias("again"))
        .select(messages_repeated_in_a_batch=pl.col("again").sum())
    )
    first, second = pl.collect_all([rows, repeated], engine="streaming")
    return {**first.row(0, named=True), **second.row(0, named=True)}
