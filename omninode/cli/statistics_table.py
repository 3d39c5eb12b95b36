"""How rows of the statistics look to people."""

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
        Column("p50 s", lambda row: _number(row["duration_statistics"]["p50_seconds"], "{:,.1f}")),
        Column("p95 s", lambda row: _number(row["duration_statistics"]["p95_seconds"], "{:,.1f}")),
        Column("p99 s", lambda row: _number(row["duration_statistics"]["p99_seconds"], "{:,.1f}")),
        Column("quality", lambda row: _number(row["quality_statistics"]["avg_score"], "{:.2f}")),
        Column("tokens", lambda row: _number(row["cost_statistics"]["total_tokens"], "{:,}")),
        Column("cost $", lambda row: _number(row["cost_statistics"]["total_cost_usd"], "{:,.2f}")),
        Column("started", lambda row: f"{row['started_generations']:,}"),
        Column("abandoned", lambda row: f"{row['abandoned_generations']:,}"),
    ]


def _window(start: datetime, window_type: str) -> str:
    formats = {"hourly": "%Y-%m-%d %H:00", "monthly": "%Y-%m", "weekly": "%G week %V"}
    return start.strftime(formats.get(window_type, "%Y-%m-%d"))


def _number(value: Any, pattern: str) -> str:
    """Unknown is a dash, not a zero."""
    return "-" if value is None else pattern.format(value)
