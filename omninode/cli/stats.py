"""`omninode stats`: print rows of the statistics."""

import sys
from collections.abc import Sequence
from datetime import datetime

from pydantic import BaseModel

from ingest.lake import open_lake
from omninode.cli.door import instant, read_settings
from omninode.cli.output import OutputFormat, print_rows
from omninode.cli.statistics_table import dimension_columns, statistics_columns
from omninode.errors import BadInput
from pipelines.dimensions import dimension_rows, parse_dimensions
from pipelines.enums import EnumAggregationType, EnumWindowType
from pipelines.models import (
    ModelAttemptStatistics,
    ModelCostStatistics,
    ModelDurationStatistics,
    ModelModelStatistics,
    ModelOutcomeStatistics,
    ModelQualityStatistics,
    ModelStageStatistics,
)
from pipelines.parts import postgres
from pipelines.snapshot import snapshot_of
from sql.connection import connect
from sql.metric_rows import Metric
from sql.metric_store import MetricStore

_ORDER: dict[str, type[BaseModel]] = {
    "duration_statistics": ModelDurationStatistics,
    "quality_statistics": ModelQualityStatistics,
    "cost_statistics": ModelCostStatistics,
    "attempt_statistics": ModelAttemptStatistics,
}
#: Objects by name, each in the order of its model.
_ORDER_BY_NAME: dict[str, type[BaseModel]] = {
    "stage_statistics": ModelStageStatistics,
    "model_statistics": ModelModelStatistics,
    "node_type_statistics": ModelOutcomeStatistics,
}


def run_stats(*, window: str, by: str, start: str | None, end: str | None, output: OutputFormat) -> None:
    """Print the rows of one window type whose window starts in [start, end): a strategy's, or by dimensions."""
    if by in tuple(EnumAggregationType):
        _print_strategy(window, by, instant(start, "--start"), instant(end, "--end"), output)
    else:
        _print_dimensions(window, by, instant(start, "--start"), instant(end, "--end"), output)


def _print_strategy(window: str, by: str, first: datetime | None, last: datetime | None, output: OutputFormat) -> None:
    with postgres(read_settings()) as url, connect(url) as connection:
        rows = MetricStore(connection).read_metrics(window, by, first, last)
    _say_if_none(rows)
    print_rows([_shown(row) for row in rows], statistics_columns(window), output, title=f"{window} statistics by {by}")


def _print_dimensions(
    window: str, by: str, first: datetime | None, last: datetime | None, output: OutputFormat
) -> None:
    try:
        dimensions = parse_dimensions(by)
    except BadInput as error:
        raise BadInput(f"--by: {error}, or one of {', '.join(EnumAggregationType)}") from None
    settings = read_settings()
    snapshot = snapshot_of(open_lake(settings.lake, settings.lake_options, create=False))
    rows = dimension_rows(snapshot, dimensions, EnumWindowType(window), start=first, end=last).to_dicts()
    _say_if_none(rows)
    print_rows(rows, dimension_columns(window, dimensions), output, title=f"{window} statistics by {by}, from the lake")


def _say_if_none(rows: Sequence[object]) -> None:
    if not rows:
        sys.stderr.write(
            "omninode: no statistics for these windows; if there are none at all, `omninode demo` makes some\n"
        )


def _shown(row: Metric) -> Metric:
    """Put the statistics in the guide's order, which the database does not keep.

    When a row was last checked is the refresh's own business: it would differ where no number does.
    """
    ordered = {name: _in_order(row[name], model) for name, model in _ORDER.items()}
    by_name = {
        name: row[name] and {key: _in_order(value, model) for key, value in _stages_first(row[name])}
        for name, model in _ORDER_BY_NAME.items()
    }
    shown = {name: value for name, value in row.items() if name != "checked_lake_version"}
    return {**shown, **ordered, **by_name}


def _in_order(statistics: Metric | None, model: type[BaseModel]) -> Metric | None:
    """What an older version of the program did not know is unknown."""
    return None if statistics is None else {field: statistics.get(field) for field in model.model_fields}


def _stages_first(members: Metric) -> list[tuple[str, Metric]]:
    """Stages in the order of their numbers; the rest in the order of names."""
    return sorted(members.items(), key=lambda member: (member[1].get("stage_number") or 0, member[0]))
