"""Version 5 UUIDs of many names at once: what `uuid.uuid5` makes, in columns."""

from uuid import UUID

import duckdb
import polars as pl

_UUID5 = """
SELECT
    digest[1:8] || '-' || digest[9:12] || '-5' || digest[14:16] || '-'
    || substr('89ab89ab89ab89ab', strpos('0123456789abcdef', digest[17:17]), 1) || digest[18:20] || '-' || digest[21:32]
    AS id
FROM (SELECT sha1(unhex($namespace) || encode(name)) AS digest FROM names)
"""


def uuid5s(namespace: UUID, names: pl.Series) -> pl.Series:
    """Return the UUID of each name, as text, in the order of the names. Null stays null.

    >>> uuid5s(UUID(int=0), pl.Series(["a"])).item()
    '35b65f33-a679-5e76-af3c-273ea349ede4'
    """
    with duckdb.connect() as connection:
        # The order of rows is kept: duckdb preserves it unless told otherwise.
        connection.register("names", names.alias("name").to_frame().to_arrow())
        found = connection.sql(_UUID5, params={"namespace": namespace.hex}).to_arrow_table()
    ids = pl.from_arrow(found)
    assert isinstance(ids, pl.DataFrame)
    return ids["id"]
