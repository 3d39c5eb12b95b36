"""All statistics of a home, as `omninode stats --format json` prints them."""

import json
from itertools import product
from pathlib import Path
from typing import Any

from omninode.cli.output import json_text
from pipelines.enums import EnumAggregationType, EnumWindowType
from sql.connection import connect
from sql.embedded import embedded_postgres
from sql.metric_store import MetricStore

Row = dict[str, Any]
Tables = dict[tuple[str, str], list[Row]]

#: What a row says of its making rather than of the events.
_MAKING = {"lake_id", "lake_version", "checked_lake_version", "updated_at"}


def all_statistics(url: str) -> Tables:
    """Return the rows of each window type by each strategy, from one database."""
    with connect(url) as connection:
        store = MetricStore(connection)
        return {
            (window_type.value, by.value): json.loads(json_text(store.read_metrics(window_type, by)))
            for window_type, by in product(EnumWindowType, EnumAggregationType)
        }


def statistics_of(home: Path) -> Tables:
    """Return the rows from the database that a home keeps."""
    with embedded_postgres(home / "postgres") as url:
        return all_statistics(url)


def without(tables: Tables, names: set[str] = _MAKING) -> Tables:
    """Leave out columns; without names, those that tell of the making."""
    return {key: [{n: v for n, v in row.items() if n not in names} for row in rows] for key, rows in tables.items()}
