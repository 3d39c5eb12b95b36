"""How rows of the statistics look to people."""

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any

from omninode.cli.output import Column


def statistics_columns(window_type: str) -> list[Column]:
    """Return the columns of a table of statistics."""
    return [
        Column("window (UTC)", lambda row: _window(row["window_start"], window_type), is_number=False),
        Column("group", lambda row: str(row["group_key"]), is_number=False),
        Column("generations", lambda row: f"{row['total_generations']:,}"),
        Column("failed", lambda row: f"{row['failed_generations']:,}"),
        Column("success", lambda row: _number(row["success_rate"], "{:.1%}")),
        Column("p50 s", lambda row: _percentile(row["duration_statistics"], "p50_seconds")),
        Column("p95 s", lambda row: _percentile(row["duration_statistics"], "p95_seconds")),
        Column("p99 s", lambda row: _percentile(row["duration_statistics"], "p99_seconds")),
        Column("quality", lambda row: _number(row["quality_statistics"]["avg_score"], "{:.2f}")),
        Column("tokens", lambda row: _number(row["cost_statistics"]["total_tokens"], "{:,}")),
        Column("cost $", lambda row: _number(row["cost_statistics"]["total_cost_usd"], "{:,.2f}")),
        Column("started", lambda row: f"{row['started_generations']:,}"),
        Column("abandoned", lambda row: f"{row['abandoned_generations']:,}"),
    ]


def _percentile(statistics: Mapping[str, Any], name: str) -> str:
    """One that was merged from sketches is near, not exact."""
    text = _number(statistics[name], "{:,.1f}")
    return f"≈{text}" if statistics["method"] != "exact" and statistics[name] is not None else text


def dimension_columns(window_type: str, dimensions: Sequence[str]) -> list[Column]:
    """Return the columns of a table of statistics by dimensions, which come flat from the lake."""
    window = Column("window (UTC)", lambda row: _window(row["window_start"], window_type), is_number=False)
    names = [_named(name) for name in dimensions]
    return [window, *names, *(_STAGE_COLUMNS if "stage" in dimensions else _GENERATION_COLUMNS)]


def _named(name: str) -> Column:
    return Column(name, lambda row: str(row[name]), is_number=False)


def _flat(heading: str, name: str, pattern: str = "{:,}") -> Column:
    return Column(heading, lambda row: _number(row[name], pattern))


_SPEND_COLUMNS = [_flat("tokens", "total_tokens"), _flat("cost $", "total_cost_usd", "{:,.2f}")]
_STAGE_COLUMNS = [
    _flat("stages", "count"),
    _flat("failed", "failures"),
    _flat("p50 ms", "p50_ms", "{:,.0f}"),
    _flat("p95 ms", "p95_ms", "{:,.0f}"),
    *_SPEND_COLUMNS,
]
_GENERATION_COLUMNS = [
    _flat("generations", "total_generations"),
    _flat("failed", "failed_generations"),
    _flat("success", "success_rate", "{:.1%}"),
    _flat("p50 s", "p50_duration_seconds", "{:,.1f}"),
    _flat("p95 s", "p95_duration_seconds", "{:,.1f}"),
    _flat("quality", "avg_quality", "{:.2f}"),
    *_SPEND_COLUMNS,
    _flat("started", "started_generations"),
]


def _window(start: datetime, window_type: str) -> str:
    formats = {"hourly": "%Y-%m-%d %H:00", "monthly": "%Y-%m", "weekly": "%G week %V"}
    return start.strftime(formats.get(window_type, "%Y-%m-%d"))


def _number(value: Any, pattern: str) -> str:
    """Unknown is a dash, not a zero."""
    return "-" if value is None else pattern.format(value)
