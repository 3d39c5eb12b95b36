"""What must be true after many have written at once, and was true meanwhile."""

from collections import Counter
from collections.abc import Sequence
from itertools import pairwise
from typing import Any

from pipelines.lifecycle.configuration import guides_configuration
from sql.connection import Connection, connect
from sql.lifecycle_reports import LifecycleReports
from tests.lifecycle_told import Told

_MACHINE = guides_configuration()
_DISORDER = """
SELECT count(*) FROM (
    SELECT
        transition_timestamp - lag(transition_timestamp, 1, created_at) OVER w AS since,
        make_interval(secs => from_state_seconds) AS told
    FROM workflow_state_history JOIN workflow_state_current USING (workflow_id)
    WHERE accepted
    WINDOW w AS (PARTITION BY workflow_id ORDER BY transition_number)
) AS steps
WHERE since < '0' OR abs(extract(epoch FROM since - told)) > 1e-6
"""
_WRONG_ATTEMPTS = """
SELECT count(*) FROM workflow_state_current AS c WHERE attempt <> 1 + (
    SELECT count(*) FROM workflow_state_history AS h
    WHERE h.workflow_id = c.workflow_id AND h.accepted AND h.event = 'RETRY_WORKFLOW'
)
"""


def assert_sound(url: str, told: Told, samples: Sequence[dict[str, Any]], *, workflows: int) -> str:
    """No lost update, no illegal history, times in order, and counts that add up at any time; return a verdict."""
    with connect(url) as connection:
        _assert_histories(connection)
        made = _assert_counts(connection, told, workflows)
    _assert_samples(samples, workflows)
    active = [sample["active_workflows"] for sample in samples]
    return (
        f"{made[True]:,} transitions made, {made[False]:,} refused, {told.repeated:,} asked again by key, "
        f"none lost, none illegal, "
        f"all in order; {min(active):,} to {max(active):,} active workflows in {len(samples):,} samples"
    )


def _assert_histories(connection: Connection) -> None:
    reports = LifecycleReports(connection)
    assert reports.broken_histories() == []
    legal = {(edge.from_state, edge.to_state, edge.event) for edge in _MACHINE.transitions}
    paths = connection.execute(
        "SELECT DISTINCT from_state, to_state, event FROM workflow_state_history WHERE accepted"
    ).fetchall()
    assert set(paths) <= legal
    for question in (_DISORDER, _WRONG_ATTEMPTS):
        assert connection.execute(question).fetchone() == (0,), question


def _assert_counts(connection: Connection, told: Told, workflows: int) -> Counter[bool]:
    states = LifecycleReports(connection).count_states()
    rows = connection.execute("SELECT accepted, count(*) FROM workflow_state_history GROUP BY accepted").fetchall()
    made: Counter[bool] = Counter(dict(rows))
    assert made == told.total(), f"told {told.total()}, written {made}"
    assert sum(row["workflows"] for row in states) == workflows
    assert sum(row["transitions"] for row in states) == made[True]
    return made


def _assert_samples(samples: Sequence[dict[str, Any]], workflows: int) -> None:
    assert len(samples) > 2, "nobody looked while they wrote"
    for sample in samples:
        states: dict[str, int] = sample["workflow_state_count"]
        active = sum(count for state, count in states.items() if state not in _MACHINE.terminal_states)
        assert 0 <= sample["active_workflows"] == sample["active_workflows_count"] == active <= workflows, sample
        assert 0 <= sample["scraped"] <= workflows, sample
        assert sample["workflows_total"] == workflows, sample
    for name in ("workflow_state_transitions_total", "rejected_transitions_total"):
        assert all(before[name] <= after[name] for before, after in pairwise(samples)), name


__all__ = ["assert_sound"]
