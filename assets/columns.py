"""The columns of a frame, as the UI shows them."""

import dagster as dg
import polars as pl

from assets.names import EVENTS
from sql.metric_rows import METRIC_ROWS

#: Which columns of the events a column of the statistics is made from.
_PLACE = ["event_time"]
_MEASURED = ["duration_seconds", "tokens", "cost_usd", "kind"]
_MADE_FROM = {
    "window_start": _PLACE,
    "window_end": _PLACE,
    "group_key": ["node_type", "domain", "quality_score"],
    **{name: ["kind", "event_time", "event_id"] for name in METRIC_ROWS if name.endswith("_generations")},
    "success_rate": ["kind"],
    "conflicting_terminal_events": ["kind", "event_id"],
    "duration_statistics": ["duration_seconds", "kind"],
    "quality_statistics": ["quality_score"],
    "cost_statistics": ["tokens", "cost_usd"],
    "attempt_statistics": ["attempt", "kind", "event_time"],
    "stage_statistics": ["stage_name", "stage_number", "stage_success", *_MEASURED],
    "model_statistics": ["primary_model", *_MEASURED],
    "node_type_statistics": ["node_type", "kind"],
}


def column_lineage() -> dg.TableColumnLineage:
    """Return from which columns of the lake's events each column of the statistics is made."""
    return dg.TableColumnLineage(
        {name: [dg.TableColumnDep(EVENTS, column) for column in columns] for name, columns in _MADE_FROM.items()}
    )


def column_schema(schema: pl.Schema) -> dg.TableSchema:
    """Return the columns with Polars' names of their types.

    >>> column_schema(pl.Schema({"offset": pl.Int64()})).columns[0].type
    'Int64'
    """
    return dg.TableSchema([dg.TableColumn(name, str(data_type)) for name, data_type in schema.items()])
