"""Columns that a lake's table of events has beyond those of the code: its schema in the log is the truth.

They come from promotion (see `ingest.promote`) and from re-admission (see `ingest.readmit`). Every writer fills them
before it appends, and none of them is in files that were written before.
"""

import polars as pl
from deltalake import DeltaTable

from ingest.extra import FIELD_TYPES, extra_field
from ingest.schema import EVENTS

#: The micro-batch that dead-lettered a message which was re-admitted later; null for all other events.
READMITTED_FROM = "readmitted_from"


def added_columns(table: DeltaTable) -> dict[str, pl.DataType]:
    """Return the names and types of the columns beyond `ingest.schema.EVENTS`, as this object last saw the table."""
    schema = table.schema()
    if len(schema.fields) <= len(EVENTS):
        return {}
    columns = pl.Schema(schema.to_arrow())
    return {name: data_type for name, data_type in columns.items() if name not in EVENTS}


def conformed(events: pl.DataFrame, added: dict[str, pl.DataType], /) -> pl.DataFrame:
    """Give events the added columns that they do not have: a promoted one is filled from `extra`.

    A value that does not fit the column's type is null there; `extra` keeps all of them.
    """
    if not added:
        return events
    missing = {name: data_type for name, data_type in added.items() if name not in events.columns}
    filled = events.with_columns(_filled(name, data_type) for name, data_type in missing.items())
    return filled.select(*EVENTS, *added)


def _filled(name: str, data_type: pl.DataType) -> pl.Expr:
    if name != READMITTED_FROM and data_type in FIELD_TYPES.values():
        return extra_field(name, data_type)
    return pl.lit(None, dtype=data_type).alias(name)
