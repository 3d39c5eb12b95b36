"""`omninode workflow show`, `history` and `list`."""

import sys
from collections.abc import Mapping, Sequence
from dataclasses import asdict
from typing import Any
from uuid import UUID

from omninode.cli.door import read_settings, utc_now
from omninode.cli.output import OutputFormat, print_rows, print_table
from omninode.cli.workflow_archived import found_anywhere, say_if_archived
from omninode.cli.workflow_columns import FACTS, HISTORY, STUCK, facts, workflow_columns
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
    if output is OutputFormat.TABLE:
        print_table(facts(asdict(found), utc_now()), FACTS, title=f"Workflow {found.workflow_id}")
    else:
        print_rows([asdict(found)], [], output, title="")


def run_history(workflow_id: str, output: OutputFormat) -> None:
    """Print everything that happened to one workflow."""
    with postgres(read_settings()) as url, connect(url) as connection:
        found, transitions = _existing(LifecycleStore(connection), workflow_uuid(workflow_id))
    rows = [asdict(transition) for transition in transitions]
    title = f"Workflow {found.workflow_id}: began {found.created_at:%Y-%m-%d %H:%M:%S} (UTC), now {found.current_state}"
    print_rows(rows, HISTORY, output, title=title)


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
            found = reports.stuck_workflows(longer_than=limit_of_stay, state=asked, limit=limit + 1)
        else:
            workflows = store.list_workflows(state=asked, correlation_id=correlation_id, limit=limit + 1)
            found = [asdict(workflow) for workflow in workflows]
    _say_how_many(found, limit, stuck=stuck)
    say_if_archived(found[:limit])
    columns = STUCK if stuck else workflow_columns(utc_now())
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


def _say_how_many(rows: Sequence[Mapping[str, Any]], limit: int, *, stuck: bool) -> None:
    if not rows and stuck:
        sys.stderr.write("omninode: no workflow is stuck\n")
    elif not rows:
        sys.stderr.write("omninode: no workflows like that; `omninode workflow refresh` brings in what events say\n")
    if len(rows) > limit:
        sys.stderr.write(f"omninode: there are more workflows than these {limit}: see --limit\n")
