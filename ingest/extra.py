"""Read back the fields that no contract knows: they are kept as one JSON object in the column `extra`."""

from typing import Any

import polars as pl
from pydantic_core import from_json

from omninode.errors import BadInput

#: The types that an unknown field can be read as, by the word that people use.
FIELD_TYPES: dict[str, pl.DataType] = {
    "text": pl.String(),
    "integer": pl.Int64(),
    "number": pl.Float64(),
    "boolean": pl.Boolean(),
}
_INT64 = range(-(2**63), 2**63)


def extra_field(name: str, data_type: pl.DataType | type[pl.DataType] = pl.String) -> pl.Expr:
    """One unknown field of an event; null where the event does not have it, or its value is of another type.

    data_type: String, Int64, Float64 or Boolean. Nothing is converted but 5.0 to the whole number 5 and 5 to the number
    5.0. Works on frames and lazy frames that have the column `extra`. Raises `BadInput` for another type.

    >>> events = pl.DataFrame({"extra": ['{"team":"core","build":7}', '{"team":7}', None]})
    >>> events.select(extra_field("team"), extra_field("build", pl.Int64)).rows()
    [('core', 7), (None, None), (None, None)]
    """
    return field_of(pl.col("extra"), name, data_type)


def field_of(extra: pl.Expr, name: str, data_type: pl.DataType | type[pl.DataType]) -> pl.Expr:
    """One field of JSON objects: see `extra_field`."""
    wanted = next((known for known in FIELD_TYPES.values() if known == data_type), None)
    if wanted is None:
        raise BadInput(f"{name}: {data_type} cannot be read from JSON; use String, Int64, Float64 or Boolean")

    def read(column: pl.Series) -> pl.Series:
        return _read(column, name, wanted)

    # Polars' own JSON functions make text of everything or fail at the first value of another type, and are no faster.
    return extra.map_batches(read, return_dtype=wanted, is_elementwise=True).alias(name)


def fields_of(extra: str | None) -> dict[str, Any]:
    """Return the unknown fields of one event."""
    try:
        fields = from_json(extra) if extra else {}
    except ValueError:
        return {}
    return fields if isinstance(fields, dict) else {}


def _read(column: pl.Series, name: str, data_type: pl.DataType) -> pl.Series:
    if column.null_count() == len(column):
        return pl.Series(name, [None], dtype=data_type).new_from_index(0, len(column))
    values = [_typed(fields_of(extra).get(name), data_type) for extra in column.to_list()]
    return pl.Series(name, values, dtype=data_type)


def _typed(value: object, data_type: pl.DataType) -> object:
    match value:
        case bool():
            return value if data_type == pl.Boolean else None
        case str():
            return value if data_type == pl.String else None
        case int() | float():
            return _number(value, data_type)
        case _:
            return None


def _number(value: float, data_type: pl.DataType) -> float | None:
    if data_type == pl.Float64:
        return _float(value)
    if data_type != pl.Int64 or (isinstance(value, float) and not value.is_integer()):
        return None
    whole = int(value)
    return whole if whole in _INT64 else None


def _float(value: float) -> float | None:
    """A whole number of more digits than any float has is none."""
    try:
        return float(value)
    except OverflowError:
        return None
