"""`omninode workflow times`, `distribution`, `refused` and `retries`."""

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta

from omninode.cli.door import instant, read_settings, utc_now
from omninode.cli.letter_rows import shown
from omninode.cli.output import Column, OutputFormat, print_rows
from omninode.duration import duration
from omninode.errors import BadInput
from pipelines.lifecycle.states import EnumWorkflowState
from pipelines.parts import postgres
from sql.connection import connect
from sql.lifecycle_reports import LifecycleReports

_WEEK = timedelta(days=7)
_MOST_INSTANTS = 2_000


def run_times(output: OutputFormat) -> None:
    """Print how long workflows stay in each state."""
    with _reports() as reports:
        rows = reports.time_in_state()
    seconds = [(name, f"{name}_seconds") for name in ("p50", "p95", "p99", "max")]
    columns = [
        Column("state", lambda row: shown(row["state"]), is_number=False),
        Column("stays", lambda row: f"{row['stays']:,}"),
        *(Column(f"{name} s", lambda row, key=key: f"{row[key]:,.1f}") for name, key in seconds),  # type: ignore[misc]
    ]
    print_rows(rows, columns, output, title="Time in each state until it was left")


def run_distribution(*, start: str | None, end: str | None, every: str, output: OutputFormat) -> None:
    """Print how many workflows stood in each state at some instants."""
    last = instant(end, "--end") or utc_now()
    first = instant(start, "--start") or last - _WEEK
    step = duration(every, "--every")
    if first > last:
        raise BadInput("--start is after --end; give them the other way round")
    if not step or (last - first) / step > _MOST_INSTANTS:
        raise BadInput(f"--every: {every!r} makes more than {_MOST_INSTANTS} instants; write a longer time")
    with _reports() as reports:
        rows = reports.state_distribution(first, last, step)
    columns = [
        Column("at (UTC)", lambda row: f"{row['instant']:%Y-%m-%d %H:%M}", is_number=False),
        Column("state", lambda row: shown(row["state"]), is_number=False),
        Column("workflows", lambda row: f"{row['workflows']:,}"),
    ]
    print_rows(rows, columns, output, title="Workflows in each state over time")


def run_refused(output: OutputFormat) -> None:
    """Print what was refused."""
    with _reports() as reports:
        rows = reports.illegal_paths()
    columns = [
        Column("from", lambda row: shown(row["from_state"]), is_number=False),
        Column("to", lambda row: shown(row["to_state"]), is_number=False),
        Column("event", lambda row: shown(row["event"]), is_number=False),
        Column("by", lambda row: row["source"], is_number=False),
        Column("conflict", lambda row: "yes" if row["conflict"] else "-", is_number=False),
        Column("guard", lambda row: "-" if row["guard_met"] else "failed", is_number=False),
        Column("times", lambda row: f"{row['refused']:,}"),
        Column("workflows", lambda row: f"{row['workflows']:,}"),
        Column("last (UTC)", lambda row: f"{row['last_at']:%Y-%m-%d %H:%M}", is_number=False),
    ]
    print_rows(rows, columns, output, title="Transitions that were refused")


def run_retries(output: OutputFormat) -> None:
    """Print what became of the attempts."""
    terminal = [EnumWorkflowState.COMPLETED.value, EnumWorkflowState.FAILED.value]
    with _reports() as reports:
        rows = reports.retry_outcomes(EnumWorkflowState.COMPLETED.value, terminal)
    names = ["attempt", "ended", "succeeded", "failed", "open"]
    columns = [Column(name, lambda row, name=name: f"{row[name]:,}") for name in names]  # type: ignore[misc]
    print_rows(rows, columns, output, title="Attempts and their outcome")


@contextmanager
def _reports() -> Iterator[LifecycleReports]:
    with postgres(read_settings()) as url, connect(url) as connection:
        yield LifecycleReports(connection)
