"""`omninode stats`: print rows of the statistics."""

import sys

from pydantic import BaseModel

from omninode.cli.door import instant, read_settings
from omninode.cli.output import OutputFormat, print_rows
from omninode.cli.statistics_table import statistics_columns
from pipelines.models import ModelCostStatistics, ModelDurationStatistics, ModelQualityStatistics
from pipelines.parts import postgres
from sql.connection import connect
from sql.metric_rows import Metric
from sql.metric_store import MetricStore

_ORDER: dict[str, type[BaseModel]] = {
    "duration_statistics": ModelDurationStatistics,
    "quality_statistics": ModelQualityStatistics,
    "cost_statistics": ModelCostStatistics,
}


def run_stats(*, window: str, by: str, start: str | None, end: str | None, output: OutputFormat) -> None:
    """Print the rows of one window type and one strategy whose window starts in [start, end)."""
    first, last = instant(start, "--start"), instant(end, "--end")
    with postgres(read_settings()) as url, connect(url) as connection:
        rows = MetricStore(connection).read_metrics(window, by, first, last)
    rows = [_shown(row) for row in rows]
    if not rows:
        sys.stderr.write(
            "omninode: no statistics for these windows; if there are none at all, `omninode demo` makes some\n"
        )
    print_rows(rows, statistics_columns(window), output, title=f"{window} statistics by {by}")


def _shown(row: Metric) -> Metric:
    """Put the statistics in the guide's order, which the database does not keep.

    When a row was last checked is the refresh's own business: it would differ where no number does.
    """
    ordered = {name: {field: row[name][field] for field in model.model_fields} for name, model in _ORDER.items()}
    return {name: ordered.get(name, value) for name, value in row.items() if name != "checked_lake_version"}
