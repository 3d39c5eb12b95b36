"""The table of what Kafka no longer had when it was to be read."""

from collections.abc import Sequence

import polars as pl
from deltalake import CommitProperties, DeltaTable, Transaction, write_deltalake
from deltalake.exceptions import TableNotFoundError

from ingest.delta_table import open_or_create, table_url
from ingest.gaps import GAPS, Gap, gap_rows


def append_gaps(lake_url: str, gaps: Sequence[Gap], options: dict[str, str], metadata: dict[str, str]) -> None:
    """Write gaps down, each once; the first one makes the table."""
    table = open_or_create(_url(lake_url), GAPS, [], options)
    new = [gap for gap in gaps if table.transaction_version(_gap_id(gap)) is None]
    if new:
        seen = [Transaction(_gap_id(gap), 0) for gap in new]
        properties = CommitProperties(custom_metadata=metadata, app_transactions=seen)
        write_deltalake(table, gap_rows(new), mode="append", commit_properties=properties)


def read_gaps(lake_url: str, options: dict[str, str]) -> pl.DataFrame:
    """Return all gaps, see `ingest.gaps.GAPS`; oldest first."""
    try:
        table = DeltaTable(_url(lake_url), storage_options=options)
    except TableNotFoundError:
        return GAPS.to_frame()
    return pl.scan_delta(table).select(GAPS.names()).collect().sort("noticed_at", "topic", "partition")


def _url(lake_url: str) -> str:
    return table_url(lake_url, "gaps")


def _gap_id(gap: Gap) -> str:
    return f"{gap.place.app_id}/{gap.reason.value}/{gap.first_offset}-{gap.next_offset}"
