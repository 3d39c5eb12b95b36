"""The tables of a lake as upkeep sees them: which there are, and what is true of each."""

from dataclasses import dataclass

from deltalake import DeltaTable

from ingest.compaction_plan import CompactionPolicy
from ingest.delta_table import table_url
from ingest.lake import Lake


@dataclass(frozen=True, slots=True)
class TableUpkeep:
    """How a table is kept: by which columns merged rows are ordered, and how large merged files become."""

    name: str
    sort_by: tuple[str, ...]
    policy: CompactionPolicy


#: A dead letter may hold a whole message of a megabyte, so fewer of them are merged at once.
TABLES = (
    TableUpkeep("events", ("event_time", "offset"), CompactionPolicy()),
    TableUpkeep("dead_letters", ("ingested_at", "offset"), CompactionPolicy(max_rows=100_000, max_bytes=16 * 2**20)),
)


def open_table(lake: Lake, name: str) -> DeltaTable:
    """Open a table anew: the lake's own object is the appender's, and must not be moved on."""
    return DeltaTable(table_url(lake.url, name), storage_options=lake.storage_options)
