"""The Delta tables of a lake: where each is, how it is opened and written, and its errors in our words."""

import os
import re
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from urllib.parse import unquote, urlsplit

import polars as pl
from deltalake import ColumnProperties, DeltaTable, WriterProperties
from deltalake.exceptions import CommitFailedError, DeltaError, TableNotFoundError
from polars.exceptions import PolarsError

from ingest.errors import Fenced, LakeFailure
from ingest.lake_properties import RETENTION, retention_properties

#: Hardly two rows have the same value here: a dictionary of them costs a third of the time to write, and more space.
_DISTINCT = (
    "event_id",
    "workflow_id",
    "event_time",
    "duration_seconds",
    "quality_score",
    "tokens",
    "cost_usd",
    "offset",
)
#: The columns that reads are pruned by: statistics of every column would cost more than they save.
_PRUNED_BY = ("event_time", "ingested_at", "batch_id", "offset")
_DECORATION = re.compile("\x1b\\[[0-9;]*m|\N{DOWNWARDS ARROW WITH TIP RIGHTWARDS}")


def table_url(url: str, name: str) -> str:
    """Where a table is in the lake at this URL."""
    return f"{url.rstrip('/')}/{name}"


def events_url(url: str) -> str:
    """Where the table of events is in a lake."""
    return table_url(url, "events")


def dead_letters_url(url: str) -> str:
    """Where the table of dead letters is in a lake."""
    return table_url(url, "dead_letters")


def open_or_create(url: str, schema: pl.Schema, partition_by: list[str], options: Mapping[str, str]) -> DeltaTable:
    """Open the table at a URL; make it if it is not there."""
    options = dict(options)
    try:
        return DeltaTable(url, storage_options=options)
    except TableNotFoundError:
        pass
    pruned_by = [name for name in _PRUNED_BY if name in schema]
    return DeltaTable.create(
        url,
        schema.to_frame().to_arrow().schema,
        mode="ignore",
        partition_by=partition_by,
        configuration={"delta.dataSkippingStatsColumns": ",".join(pruned_by), **retention_properties(RETENTION)},
        storage_options=options,
    )


def writer_properties() -> WriterProperties:
    """Statistics and dictionaries only where they are worth their time."""
    columns = {
        name: ColumnProperties(
            dictionary_enabled=name not in _DISTINCT, statistics_enabled="CHUNK" if name in _PRUNED_BY else "NONE"
        )
        for name in {*_DISTINCT, *_PRUNED_BY}
    }
    others = ColumnProperties(dictionary_enabled=True, statistics_enabled="NONE")
    return WriterProperties(
        compression="ZSTD", compression_level=1, default_column_properties=others, column_properties=columns
    )


def check_writable(lake_url: str, table: DeltaTable) -> None:
    """Raise `LakeFailure` if a table in a folder may not be written: found out by delta-rs, it prints panics."""
    place = urlsplit(table.table_uri)
    if place.scheme == "file" and not os.access(unquote(place.path), os.W_OK | os.X_OK):
        raise LakeFailure(f"lake {lake_url}: its tables may not be written; check the folder's space and rights")


@contextmanager
def store_failures(url: str) -> Iterator[None]:
    """Turn an error of the store into one of ours: `Fenced` if another writer was first, else `LakeFailure`."""
    try:
        yield
    except CommitFailedError as error:
        raise Fenced(str(error)) from error
    except (DeltaError, PolarsError, OSError) as error:
        raise LakeFailure(f"lake {url}: {one_line(error)}; check the folder's space and rights") from error


def one_line(error: Exception) -> str:
    """Spell an error in one line; Delta's own come as a tree of causes, coloured, one below the other."""
    lines = (_DECORATION.sub("", line).strip() for line in str(error).splitlines())
    return ": ".join(line for line in lines if line) or type(error).__name__
