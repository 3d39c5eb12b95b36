"""How workflows and their transitions look to people."""

import json
from datetime import datetime

from omninode.cli.letter_rows import shown
from omninode.cli.output import Column, Row
from omninode.duration import spelled

_LIMITS = {"p99": "its p99", "least": "the least", "otherwise": "no p99 yet", "given": "--longer-than"}


def text(heading: str, name: str, *, most: int = 48) -> Column:
    """A column of texts, whatever is in them."""
    return Column(heading, lambda row: shown(row[name], most=most), is_number=False)


def number(heading: str, name: str) -> Column:
    """A column of whole numbers; `-` where there is none."""
    return Column(heading, lambda row: "-" if row[name] is None else f"{row[name]:,}")


def time(heading: str, name: str) -> Column:
    """A column of times (UTC)."""
    return Column(heading, lambda row: _time(row[name]), is_number=False, is_whole=True)


def length(heading: str, name: str, weak: str | None = None) -> Column:
    """A column of lengths of time in seconds; with a star where `weak` says so, `-` where it is not known."""

    def cell(row: Row) -> str:
        if row[name] is None:
            return "-"
        return spelled(row[name]) + ("*" if weak is not None and row[weak] else "")

    return Column(heading, cell)


def workflow_id(heading: str = "workflow", name: str = "workflow_id") -> Column:
    """A column of ids."""
    return Column(heading, lambda row: str(row[name]), is_number=False, is_whole=True)


def workflow_columns(now: datetime) -> list[Column]:
    """Return the columns of workflows that are looked at now."""
    return [
        workflow_id(),
        text("state", "current_state"),
        Column("for", lambda row: spelled((now - row["state_entry_time"]).total_seconds())),
        time("since (UTC)", "state_entry_time"),
        text("came from", "previous_state"),
        number("attempt", "attempt"),
        number("transitions", "transition_count"),
        text("source", "source"),
        text("correlation id", "correlation_id", most=36),
    ]


def facts(workflow: Row, now: datetime) -> list[Row]:
    """Return all that is known of one workflow, a fact a row."""
    cells = {column.heading: column.cell(workflow) for column in workflow_columns(now)}
    cells["began (UTC)"] = _time(workflow["created_at"])
    cells["metadata"] = shown(json.dumps(workflow["metadata"], ensure_ascii=False), most=110)
    return [{"fact": heading, "value": cell} for heading, cell in cells.items()]


def _time(at: datetime | None) -> str:
    return "-" if at is None else f"{at:%Y-%m-%d %H:%M:%S}"


def _outcome(row: Row) -> str:
    if row["accepted"]:
        return "made, conflict" if row["conflict"] else "made"
    return "refused, conflict" if row["conflict"] else "refused"


FACTS = [
    Column("", lambda row: row["fact"], is_number=False, is_whole=True),
    Column("value", lambda row: row["value"], is_number=False),
]
HISTORY = [
    time("at (UTC)", "transition_timestamp"),
    text("from", "from_state"),
    length("stayed", "from_state_seconds"),
    text("to", "to_state"),
    Column("outcome", _outcome, is_number=False),
    text("event", "event"),
    number("step", "transition_number"),
    number("attempt", "attempt"),
    text("source", "source"),
    text("reason", "reason", most=60),
]
STUCK = [
    workflow_id(),
    text("state", "current_state"),
    length("for", "seconds_in_state"),
    length("limit", "limit_seconds"),
    Column("the limit is", lambda row: _LIMITS[row["limit_by"]], is_number=False),
    time("since (UTC)", "state_entry_time"),
    number("attempt", "attempt"),
    text("correlation id", "correlation_id", most=36),
]
REFUSED = [
    number("times", "refused"),
    number("workflows", "workflows"),
    text("from", "from_state"),
    text("to", "to_state"),
    text("event", "event"),
    Column("guard", lambda row: "-" if row["guard_met"] else "failed", is_number=False),
    text("source", "source"),
    Column("conflict", lambda row: "yes" if row["conflict"] else "-", is_number=False),
    time("last (UTC)", "last_at"),
    workflow_id("last workflow", "last_workflow_id"),
]
TIMES = [
    text("state", "state"),
    number("stays", "stays"),
    number("timed", "timed_stays"),
    length("p50", "p50_seconds"),
    length("p95", "p95_seconds", "p95_is_weak"),
    length("p99", "p99_seconds", "p99_is_weak"),
    length("longest", "max_seconds"),
]
RETRIES = [
    *(number(name, name) for name in ("attempt", "workflows", "succeeded", "failed", "open")),
    Column("success", lambda row: "-" if row["success_rate"] is None else f"{row['success_rate']:.1%}"),
]
