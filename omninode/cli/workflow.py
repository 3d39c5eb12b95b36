"""`omninode workflow show`, `history` and `list`."""

import sys
from collections.abc import Mapping, Sequence
from dataclasses import asdict
from datetime import datetime
from typing import Any
from uuid import UUID

from omninode.cli.door import read_settings, utc_now
from omninode.cli.letter_rows import shown
from omninode.cli.output import Column, OutputFormat, Row, print_rows
from omninode.cli.workflow_archived import found_anywhere, say_if_archived
from omninode.duration import duration
from omninode.errors import BadInput, OmninodeError
from pipelines.lifecycle.commands import workflow_uuid
from pipelines.lifecycle.states import EnumWorkflowState
from pipelines.parts import postgres
from sql.connection import connect
from sql.lifecycle_reports import LifecycleReports
from sql.lifecycle_rows import ModelStateTransition, ModelWorkflowState
from sql.lifecycle_store import LifecycleStore


class NoSuchWorkflow(OmninodeError):
    """The database has no such workflow."""


def run_show(workflow_id: str, output: OutputFormat) -> None:
    """Print where one workflow stands."""
    with postgres(read_settings()) as url, connect(url) as connection:
        found, _ = _existing(LifecycleStore(connection), workflow_uuid(workflow_id))
    print_rows([asdict(found)], _workflow_columns(), output, title=f"Workflow {found.workflow_id}")


def run_history(workflow_id: str, output: OutputFormat) -> None:
    """Print everything that happened to one workflow."""
    with postgres(read_settings()) as url, connect(url) as connection:
        found, transitions = _existing(LifecycleStore(connection), workflow_uuid(workflow_id))
    rows = [asdict(transition) for transition in transitions]
    title = f"Workflow {found.workflow_id}: began {_time(found.created_at)}, now {found.current_state}"
    print_rows(rows, _HISTORY, output, title=title)


def run_list(
    *,
    state: str | None,
    stuck: bool,
    longer_than: str | None,
    correlation_id: str | None,
    limit: int,
    output: OutputFormat,
) -> None:
    """Print workflows; with `stuck` those that are too long in their state."""
    if longer_than is not None and not stuck:
        raise BadInput("--longer-than goes with --stuck; give both")
    if stuck and correlation_id is not None:
        raise BadInput("--stuck and --correlation-id exclude each other; give one")
    limit_of_stay = None if longer_than is None else duration(longer_than, "--longer-than")
    with postgres(read_settings()) as url, connect(url) as connection:
        reports, store = LifecycleReports(connection), LifecycleStore(connection)
        asked = _state(state, reports)
        if stuck:
            found = reports.stuck_workflows(utc_now(), longer_than=limit_of_stay, state=asked, limit=limit + 1)
        else:
            workflows = store.list_workflows(state=asked, correlation_id=correlation_id, limit=limit + 1)
            found = [asdict(workflow) for workflow in workflows]
    _say_if_cut(found, limit)
    say_if_archived(found[:limit])
    columns = _STUCK if stuck else _workflow_columns()
    print_rows(found[:limit], columns, output, title="Stuck workflows" if stuck else "Workflows")


def _existing(store: LifecycleStore, workflow_id: UUID) -> tuple[ModelWorkflowState, list[ModelStateTransition]]:
    found = found_anywhere(store, workflow_id)
    if found is None:
        raise NoSuchWorkflow(f"no workflow {workflow_id}; `omninode workflow list` shows some")
    return found


def _state(text: str | None, reports: LifecycleReports) -> str | None:
    """Return the state as it is spelled. Teams may have states of their own: what some workflow stands in is one."""
    if text is None:
        return None
    standing = [str(row["current_state"]) for row in reports.count_states()]
    known = dict.fromkeys([*map(str, EnumWorkflowState), *standing])
    for state in known:
        if state.lower() == text.lower():
            return state
    raise BadInput(f"--state: {text!r} is no state; there are: {', '.join(known)}")


def _say_if_cut(rows: Sequence[Mapping[str, Any]], limit: int) -> None:
    if not rows:
        sys.stderr.write("omninode: no workflows like that; `omninode workflow refresh` brings in what events say\n")
    if len(rows) > limit:
        sys.stderr.write(f"omninode: there are more workflows than these {limit}: see --limit\n")


def _time(time: datetime | None) -> str:
    return "-" if time is None else f"{time:%Y-%m-%d %H:%M:%S}"


def _seconds(seconds: float | None) -> str:
    return "-" if seconds is None else f"{seconds:,.1f}"


def _outcome(row: Row) -> str:
    if row["accepted"]:
        return "made, conflict" if row["conflict"] else "made"
    return "refused, conflict" if row["conflict"] else "refused"


def _workflow_columns() -> list[Column]:
    return [
        Column("workflow", lambda row: str(row["workflow_id"]), is_number=False),
        Column("state", lambda row: shown(row["current_state"]), is_number=False),
        Column("from", lambda row: shown(row["previous_state"]), is_number=False),
        Column("since (UTC)", lambda row: _time(row["state_entry_time"]), is_number=False),
        Column("attempt", lambda row: str(row["attempt"])),
        Column("transitions", lambda row: str(row["transition_count"])),
        Column("by", lambda row: row["source"], is_number=False),
        Column("correlation id", lambda row: shown(row["correlation_id"], most=36), is_number=False),
    ]


_HISTORY = [
    Column("at (UTC)", lambda row: _time(row["transition_timestamp"]), is_number=False),
    Column("no.", lambda row: "-" if row["transition_number"] is None else str(row["transition_number"])),
    Column("attempt", lambda row: str(row["attempt"])),
    Column("from", lambda row: shown(row["from_state"]), is_number=False),
    Column("to", lambda row: shown(row["to_state"]), is_number=False),
    Column("event", lambda row: shown(row["event"]), is_number=False),
    Column("stayed s", lambda row: _seconds(row["from_state_seconds"])),
    Column("by", lambda row: row["source"], is_number=False),
    Column("outcome", _outcome, is_number=False),
    Column("reason", lambda row: shown(row["reason"], most=60), is_number=False),
]
_STUCK = [
    Column("workflow", lambda row: str(row["workflow_id"]), is_number=False),
    Column("state", lambda row: shown(row["current_state"]), is_number=False),
    Column("attempt", lambda row: str(row["attempt"])),
    Column("since (UTC)", lambda row: _time(row["state_entry_time"]), is_number=False),
    Column("for s", lambda row: _seconds(row["seconds_in_state"])),
    Column("limit s", lambda row: _seconds(row["limit_seconds"])),
]
