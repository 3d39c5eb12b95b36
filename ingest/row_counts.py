"""How many rows a table has: as its log says, and as its files say."""

from dataclasses import dataclass

import polars as pl

from ingest.delta_table import store_failures
from ingest.lake import Lake
from ingest.lake_tables import open_table


@dataclass(frozen=True, slots=True)
class RowCounts:
    """The rows of one version of a table, counted twice."""

    version: int
    rows_in_log: int
    rows_in_files: int

    @property
    def agree(self) -> bool:
        """Tell whether both counts are the same."""
        return self.rows_in_log == self.rows_in_files


def row_counts(lake: Lake, name: str) -> RowCounts:
    """Count the rows of a table's current version; of the files only the footers are read."""
    with store_failures(lake.url):
        table = open_table(lake, name)
        logged = pl.DataFrame(table.get_add_actions(flatten=True))
        # Through the files' own rows: to count the table alone, Polars would believe the log.
        paths = table.file_uris()
        found = pl.scan_parquet(paths, hive_partitioning=False, storage_options=lake.storage_options or None)
        rows = int(found.select(pl.len()).collect().item()) if paths else 0
        in_log = 0 if logged.is_empty() else int(logged["num_records"].fill_null(0).sum())
        return RowCounts(table.version(), in_log, rows)
