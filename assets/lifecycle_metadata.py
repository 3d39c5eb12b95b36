"""What the UI tells of all workflows together, beside the asset that follows them: numbers to plot, tables to read."""

from collections.abc import Sequence
from datetime import datetime, timedelta

import dagster as dg

from pipelines.lifecycle.states import EnumWorkflowState
from sql.lifecycle_reports import LifecycleReports, Row

_DAY = timedelta(days=1)
_DAYS = 7
#: So many rows of what can be any number.
_MOST = 20
_SUCCESS = EnumWorkflowState.COMPLETED.value
_TERMINAL = [_SUCCESS, EnumWorkflowState.FAILED.value]


def lifecycle_metadata(reports: LifecycleReports) -> dict[str, dg.MetadataValue]:
    """Return the answers of `omninode workflow`: `list --stuck`, `times`, `distribution`, `refused` and `retries`.

    The distribution is that of the seven days before the latest transition.
    """
    stuck, refused = reports.stuck_workflows(), reports.illegal_paths()
    retried = reports.count_retried(_SUCCESS)
    return {
        **_numbers(state_counts(reports.count_states())),
        "stuck_workflows": dg.IntMetadataValue(len(stuck)),
        "refused_transitions": dg.IntMetadataValue(sum(row["refused"] for row in refused)),
        **_numbers({f"retried_{name}": count for name, count in retried.items()}),
        "longest_stuck": table(stuck[:_MOST]),
        "time_in_state": table(reports.time_in_state()),
        "state_distribution": table(_distribution(reports)),
        "illegal_paths": table(refused[:_MOST]),
        "retry_outcomes": table(reports.retry_outcomes(_SUCCESS, _TERMINAL)),
    }


def state_counts(rows: Sequence[Row]) -> dict[str, int]:
    """Return the workflows in each state under names of their own.

    >>> state_counts([{"current_state": "PENDING", "is_terminal": False, "workflows": 3}])
    {'active_workflows': 3, 'workflows_pending': 3}
    """
    counts: dict[str, int] = {"active_workflows": 0}
    for row in rows:
        name = f"workflows_{row['current_state'].lower()}"
        counts[name] = counts.get(name, 0) + row["workflows"]
        counts["active_workflows"] += 0 if row["is_terminal"] else row["workflows"]
    return counts


def table(rows: Sequence[Row]) -> dg.MetadataValue:
    """Return rows as the UI shows them; what is no number is text."""
    if not rows:
        return dg.MetadataValue.text("none")
    return dg.MetadataValue.table(
        [dg.TableRecord({name: _plain(value) for name, value in row.items()}) for row in rows]
    )


def _plain(value: object) -> str | int | float | bool | None:
    if isinstance(value, datetime):
        return value.isoformat(timespec="seconds").replace("+00:00", "Z")
    return value if value is None or isinstance(value, str | int | float) else str(value)


def _distribution(reports: LifecycleReports) -> list[Row]:
    """Return a row for each day, with the states as columns."""
    latest = reports.latest_entry()
    if latest is None:
        return []
    states = [state.value for state in EnumWorkflowState]
    days: dict[datetime, Row] = {}
    for row in reports.state_distribution(latest - _DAYS * _DAY, latest, _DAY, states):
        days.setdefault(row["instant"], {"at": row["instant"]})[row["state"]] = row["workflows"]
    return list(days.values())


def _numbers(counts: dict[str, int]) -> dict[str, dg.MetadataValue]:
    return {name: dg.IntMetadataValue(count) for name, count in counts.items()}
