"""The tables of a lake as upkeep sees them: which there are, and what is true of each."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

from deltalake import DeltaTable
from deltalake.exceptions import DeltaError
from polars.exceptions import PolarsError

from ingest.compaction_plan import CompactionPolicy
from ingest.errors import LakeFailure
from ingest.lake import Lake, _one_line


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
    return DeltaTable(table_url(lake, name), storage_options=lake.storage_options)


def table_url(lake: Lake, name: str) -> str:
    """Where a table of the lake is."""
    return f"{lake.url.rstrip('/')}/{name}"


@contextmanager
def failures(lake: Lake) -> Iterator[None]:
    """Turn an error of the store into one of ours."""
    try:
        yield
    except (DeltaError, PolarsError, OSError) as error:
        raise LakeFailure(f"lake {lake.url}: {_one_line(error)}; check the folder's space and rights") from error
