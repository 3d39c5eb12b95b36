"""Make an unknown field a column of its own, from now on and for every writer."""

import re
from typing import TypeVar

import polars as pl

from ingest.added_columns import READMITTED_FROM
from ingest.errors import Fenced
from ingest.extra import FIELD_TYPES, extra_field, field_of
from ingest.lake import Lake
from ingest.schema import EVENTS
from omninode.errors import BadInput

Frame = TypeVar("Frame", pl.DataFrame, pl.LazyFrame)

_IDENTIFIER = re.compile(r"[A-Za-z_][A-Za-z0-9_]{0,62}")


def promote(lake: Lake, name: str, field_type: str) -> bool:
    """Add a nullable column to the events, which writers fill from `extra`; False if it is there already.

    field_type: a key of `ingest.extra.FIELD_TYPES`. Rows that are in the lake stay as they are: read old and new ones
    alike with `with_field`. Raises `BadInput` for a name that is taken or no plain identifier, and for another type
    than that of an earlier promotion.
    """
    if field_type not in FIELD_TYPES:
        raise BadInput(f"--type: {field_type!r} is no type; use {', '.join(FIELD_TYPES)}")
    data_type = FIELD_TYPES[field_type]
    _check_name(name)
    while True:
        lake.refresh()
        if name in promoted_fields(lake):
            _check_type(name, promoted_fields(lake)[name], field_type)
            return False
        _check_free(name, [*EVENTS, READMITTED_FROM, *lake.added_columns])
        try:
            lake.add_column(name, data_type)
        except Fenced:  # somebody else has changed the table meanwhile, perhaps by the same promotion
            continue
        return True


def promoted_fields(lake: Lake) -> dict[str, str]:
    """Return the fields that were promoted and the type of each (a key of `ingest.extra.FIELD_TYPES`)."""
    words = {data_type: word for word, data_type in FIELD_TYPES.items()}
    added = lake.added_columns
    return {name: words[added[name]] for name in added if name != READMITTED_FROM and added[name] in words}


def with_field(events: Frame, name: str, data_type: pl.DataType | type[pl.DataType] = pl.String, /) -> Frame:
    """Give every event a column for an unknown field, promoted or not, before its promotion or after.

    events: columns of the lake's events. Null and data_type as in `ingest.extra.extra_field`.

    >>> events = pl.DataFrame({"extra": ['{"team":"core"}', '{"team":"edge"}'], "team": [None, "edge"]})
    >>> with_field(events, "team")["team"].to_list()
    ['core', 'edge']
    """
    if events.collect_schema().get(name) != data_type:
        return events.with_columns(extra_field(name, data_type))
    untold = pl.when(pl.col(name).is_null()).then("extra")
    return events.with_columns(pl.coalesce(pl.col(name), field_of(untold, name, data_type)))


def _check_name(name: str) -> None:
    if not _IDENTIFIER.fullmatch(name):
        rule = "the letters a to z, digits and '_', no digit first, and 63 of them at most"
        raise BadInput(f"{name!r} cannot name a column; promote a field whose name has {rule}")


def _check_free(name: str, taken: list[str]) -> None:
    # Other readers of Delta tables do not tell capitals from small letters.
    present = {column.lower(): column for column in taken}.get(name.lower())
    if present is not None:
        told = (
            "is a column of the events already" if present == name else f"differs from column {present!r} by capitals"
        )
        raise BadInput(f"{name!r} {told}; read the field with ingest.extra.extra_field")


def _check_type(name: str, present: str, wanted: str) -> None:
    if present != wanted:
        raise BadInput(f"{name!r} was promoted as {present}, and stays it; read it as {wanted} from the column extra")
