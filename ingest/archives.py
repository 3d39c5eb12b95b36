"""Tables of the lake that hold what was removed elsewhere: appended to, each batch once."""

import polars as pl
from deltalake import CommitProperties, DeltaTable, Transaction, write_deltalake
from deltalake.exceptions import TableNotFoundError

from ingest.delta_table import open_or_create, store_failures, table_url
from ingest.lake import Lake


def append_once(lake: Lake, name: str, rows: pl.DataFrame, *, batch_id: str) -> bool:
    """Append rows to a table of this name, made if need be; False if this batch is there already."""
    with store_failures(lake.url):
        table = open_or_create(table_url(lake.url, name), rows.schema, [], lake.storage_options)
        if table.transaction_version(batch_id) is not None:
            return False
        properties = CommitProperties(app_transactions=[Transaction(batch_id, 0)])
        write_deltalake(table, rows, mode="append", commit_properties=properties)
        return True


def read_archive(lake: Lake, name: str, schema: pl.Schema) -> pl.LazyFrame:
    """Open such a table for reading; one that nobody has written to is empty."""
    with store_failures(lake.url):
        try:
            table = DeltaTable(table_url(lake.url, name), storage_options=lake.storage_options)
        except TableNotFoundError:
            return schema.to_frame().lazy()
        return pl.scan_delta(table)
