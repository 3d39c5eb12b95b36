"""`omninode workflow times`, `distribution`, `refused` and `retries`."""

import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from datetime import datetime, timedelta
from itertools import groupby

from omninode.cli.door import instant, read_settings, utc_now
from omninode.cli.letter_rows import shown
from omninode.cli.output import Column, OutputFormat, Row, print_rows, print_table
from omninode.cli.workflow_columns import REFUSED, RETRIES, TIMES, number
from omninode.duration import duration
from omninode.errors import BadInput
from pipelines.lifecycle.states import EnumWorkflowState
from pipelines.parts import postgres
from sql.connection import connect
from sql.lifecycle_reports import LifecycleReports

_WEEK = timedelta(days=7)
_MOST_INSTANTS = 2_000
_BRING_IN = "`omninode workflow refresh` brings in what events say"


def run_times(output: OutputFormat) -> None:
    """Print how long workflows stay in each state."""
    with _reports() as reports:
        rows = sorted(reports.time_in_state(), key=_on_the_way)
    print_rows(rows, TIMES, output, title="Time in each state until it was left")
    if not rows:
        _say(f"no workflow has left a state yet; {_BRING_IN}")
    if any(row["timed_stays"] < row["stays"] for row in rows):
        _say("timed: the stays whose length is known; what events tell of one instant, or never ended, has none")
    if any(row["timed_stays"] and row["p99_is_weak"] for row in rows):
        _say("*: too few timed stays; a p95 takes 20, a p99 takes 100")


def _on_the_way(row: Row) -> tuple[int, str]:
    """The guide's states in their order, others after them."""
    states = [state.value for state in EnumWorkflowState]
    return states.index(row["state"]) if row["state"] in states else len(states), row["state"]


def run_distribution(*, start: str | None, end: str | None, every: str, output: OutputFormat) -> None:
    """Print how many workflows stood in each state at some instants."""
    last = instant(end, "--end") or utc_now().replace(second=0, microsecond=0)
    first = instant(start, "--start") or last - _WEEK
    step = _step(every, first, last)
    with _reports() as reports:
        rows = reports.state_distribution(first, last, step, [state.value for state in EnumWorkflowState])
        latest = reports.latest_entry()
    if output is OutputFormat.TABLE:
        _print_distribution(rows)
    else:
        print_rows(rows, [], output, title="")
    if latest is None:
        _say(f"there are no workflows; {_BRING_IN}")
    elif latest < first:
        _say(f"nothing moved in this time; the latest transition was on {latest:%Y-%m-%d}: see --start and --end")


def _step(every: str, first: datetime, last: datetime) -> timedelta:
    if first > last:
        raise BadInput("--start is after --end; give them the other way round")
    step = duration(every, "--every")
    if not step:
        raise BadInput(f"--every: {every!r} is no time between two instants; write 90m, 6h or 1d")
    if (last - first) / step > _MOST_INSTANTS:
        raise BadInput(f"--every: {every!r} makes more than {_MOST_INSTANTS:,} instants; write a longer time")
    return step


def _print_distribution(rows: Sequence[Row]) -> None:
    """A line for each instant, a column for each state."""
    states = list(dict.fromkeys(row["state"] for row in rows))
    lines = [
        {"instant": at, **{row["state"]: row["workflows"] for row in found}}
        for at, found in groupby(rows, key=lambda row: row["instant"])
    ]
    at = Column("at (UTC)", lambda row: f"{row['instant']:%Y-%m-%d %H:%M}", is_number=False, is_whole=True)
    columns = [at, *(number(shown(state), state) for state in states)]
    print_table(lines, columns, title="Workflows in each state over time")


def run_refused(output: OutputFormat) -> None:
    """Print what was refused."""
    with _reports() as reports:
        rows = reports.illegal_paths()
    print_rows(rows, REFUSED, output, title="Transitions that were refused")
    _say("`omninode workflow history WORKFLOW` tells the reasons" if rows else "nothing was refused")


def run_retries(output: OutputFormat) -> None:
    """Print what became of the attempts."""
    terminal = [EnumWorkflowState.COMPLETED.value, EnumWorkflowState.FAILED.value]
    with _reports() as reports:
        rows = reports.retry_outcomes(EnumWorkflowState.COMPLETED.value, terminal)
    print_rows(rows, RETRIES, output, title="Attempts and their outcome")
    if not rows:
        _say(f"there are no workflows; {_BRING_IN}")


def _say(line: str) -> None:
    sys.stderr.write(f"omninode: {line}\n")


@contextmanager
def _reports() -> Iterator[LifecycleReports]:
    with postgres(read_settings()) as url, connect(url) as connection:
        yield LifecycleReports(connection)
