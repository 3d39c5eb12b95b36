"""The columns of a frame, as the UI shows them."""

import dagster as dg
import polars as pl


def column_schema(schema: pl.Schema) -> dg.TableSchema:
    """Return the columns with Polars' names of their types.

    >>> column_schema(pl.Schema({"offset": pl.Int64()})).columns[0].type
    'Int64'
    """
    return dg.TableSchema([dg.TableColumn(name, str(data_type)) for name, data_type in schema.items()])
