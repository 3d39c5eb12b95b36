"""What `omninode workflow` prints, to people and to programs, of workflows that are known."""

from datetime import UTC, datetime, timedelta
from uuid import UUID

import pytest

from omninode.errors import BadInput
from sql.connection import Connection
from sql.lifecycle_rows import NewWorkflow
from sql.lifecycle_store import LifecycleStore
from tests.lifecycle import ALL_FLAGS, HAPPY_PATH
from tests.lifecycle_stays import refuse, stand, stay
from tests.typed import Typed

ANALYZE, GENERATE, VALIDATE, _ = HAPPY_PATH


@pytest.fixture
def store(database: Connection) -> LifecycleStore:
    """The same database."""
    return LifecycleStore(database)


def waiting(store: LifecycleStore, state: str, hours: float, number: int) -> str:
    """Begin a workflow that has been in this state for so many hours."""
    workflow_id, at = UUID(int=number), datetime.now(UTC) - timedelta(hours=hours, seconds=1)
    assert store.begin([NewWorkflow(workflow_id, state, correlation_id=f"order {number}", at=at)]) == [True]
    return str(workflow_id)


def test_times(typed: Typed, store: LifecycleStore) -> None:
    """Percentiles of each state with the number behind them, in the order of the way, weak ones with a star."""
    stay(store, "GENERATING", [100, 10, 40, 20, 30], VALIDATE)
    stay(store, "ANALYZING", range(101), GENERATE)
    lines, said = typed.table("workflow", "times")
    assert [list(line.values()) for line in lines] == [
        ["ANALYZING", "101", "101", "50.0s", "1m 35s", "1m 39s", "1m 40s"],
        ["GENERATING", "5", "5", "30.0s", "1m 28s*", "1m 38s*", "1m 40s"],
    ]
    assert list(lines[0]) == ["state", "stays", "timed", "p50", "p95", "p99", "longest"]
    assert said == ["omninode: *: too few timed stays; a p95 takes 20, a p99 takes 100"]
    analyzing, generating = typed.rows("workflow", "times")
    assert (analyzing["state"], analyzing["p99_seconds"], analyzing["p99_is_weak"]) == ("ANALYZING", 99, False)
    assert (generating["timed_stays"], generating["p50_seconds"], generating["p95_is_weak"]) == (5, 30, True)


def test_refused(typed: Typed, store: LifecycleStore) -> None:
    """Each path once, the most frequent first, with whom it befell last, and where to read on."""
    first, second = stand(store, "PENDING", 2)
    for minute, (workflow_id, step, flags) in enumerate(
        [(first, GENERATE, ALL_FLAGS), (second, GENERATE, ALL_FLAGS), (first, ANALYZE, {})]
    ):
        refuse(store, workflow_id, step, flags, minute)
    lines, said = typed.table("workflow", "refused")
    assert [list(line.values()) for line in lines] == [
        ["2", "2", "PENDING", "GENERATING", GENERATE[1], "-", "api", "-", "2025-10-24 12:01:00", str(second)],
        ["1", "1", "PENDING", "ANALYZING", ANALYZE[1], "failed", "api", "-", "2025-10-24 12:02:00", str(first)],
    ]
    assert said == ["omninode: `omninode workflow history WORKFLOW` tells the reasons"]
    rows = typed.rows("workflow", "refused")
    assert [(row["refused"], row["to_state"], row["guard_met"], row["last_workflow_id"]) for row in rows] == [
        (2, "GENERATING", True, str(second)),
        (1, "ANALYZING", False, str(first)),
    ]


def test_list_stuck(typed: Typed, store: LifecycleStore) -> None:
    """Who is there for too long, by how much, and what the limit is; with a limit of one's own more of them."""
    day, hour = waiting(store, "PENDING", 25, 1), waiting(store, "GENERATING", 2, 2)
    waiting(store, "ANALYZING", 0.1, 3)
    lines, said = typed.table("workflow", "list", "--stuck")
    assert [list(line.values())[:5] for line in lines] == [[day, "PENDING", "1d 01h", "1d 00h", "no p99 yet"]]
    assert (list(lines[0])[2:5], lines[0]["correlation id"], said) == (["for", "limit", "the limit is"], "order 1", [])
    lines, _ = typed.table("workflow", "list", "--stuck", "--longer-than", "90m")
    assert [list(line.values())[:5] for line in lines] == [
        [day, "PENDING", "1d 01h", "1h 30m", "--longer-than"],
        [hour, "GENERATING", "2h 00m", "1h 30m", "--longer-than"],
    ]
    (row,) = typed.rows("workflow", "list", "--stuck")
    assert (row["workflow_id"], row["limit_seconds"], row["limit_by"]) == (day, 86_400, "otherwise")
    assert 25 * 3600 < row["seconds_in_state"] < 26 * 3600
    assert typed.table("workflow", "list", "--stuck", "--state", "analyzing")[1][0] == "omninode: no workflow is stuck"


def test_list_by_state(typed: Typed, store: LifecycleStore) -> None:
    """Those in the state, however it is spelled, the longest first; what is no state is refused."""
    new, old = waiting(store, "GENERATING", 1, 1), waiting(store, "GENERATING", 3, 2)
    waiting(store, "PENDING", 9, 3)
    lines, said = typed.table("workflow", "list", "--state", "generating")
    assert [(line["workflow"], line["state"], line["for"], line["source"]) for line in lines] == [
        (old, "GENERATING", "3h 00m", "api"),
        (new, "GENERATING", "1h 00m", "api"),
    ]
    assert said == []
    rows = typed.rows("workflow", "list", "--state", "GENERATING")
    assert [(row["workflow_id"], row["current_state"], row["attempt"]) for row in rows] == [
        (old, "GENERATING", 1),
        (new, "GENERATING", 1),
    ]
    lines, said = typed.table("workflow", "list", "--state", "GENERATING", "--limit", "1")
    assert ([line["workflow"] for line in lines], said) == (
        [old],
        ["omninode: there are more workflows than these 1: see --limit"],
    )
    with pytest.raises(BadInput, match="'GENERATIN' is no state; there are: PENDING, ANALYZING, GENERATING"):
        typed.table("workflow", "list", "--state", "GENERATIN")


def test_distribution(typed: Typed, store: LifecycleStore) -> None:
    """A line for each instant, a column for each state, zeros where nobody is; a step of nothing is refused by name."""
    span = ["workflow", "distribution", "--start", "2025-10-24T11:00:00Z", "--end", "2025-10-24T13:00:00Z", "--every"]
    assert "there are no workflows" in typed.table(*span, "1h")[1][0]
    stay(store, "ANALYZING", [3600, 5400], GENERATE)
    lines, said = typed.table(*span, "1h")
    assert [[line["at (UTC)"], line["ANALYZING"], line["GENERATING"], line["FAILED"]] for line in lines] == [
        ["2025-10-24 11:00", "0", "0", "0"],
        ["2025-10-24 12:00", "2", "0", "0"],
        ["2025-10-24 13:00", "1", "1", "0"],
    ]
    assert said == []
    with pytest.raises(BadInput, match=r"^--every: '0h' is no time between two instants; write 90m, 6h or 1d$"):
        typed.table(*span, "0h")
    with pytest.raises(BadInput, match=r"^--every: '1m' makes more than 2,000 instants; write a longer time$"):
        typed.table("workflow", "distribution", "--every", "1m")


def test_show_and_history(typed: Typed, store: LifecycleStore) -> None:
    """All that is known of one workflow, and each step with how long it took."""
    stay(store, "ANALYZING", [90], GENERATE)
    workflow_id = str(store.list_workflows()[0].workflow_id)
    facts = {line[""]: line["value"] for line in typed.table("workflow", "show", workflow_id)[0]}
    assert (facts["state"], facts["came from"], facts["began (UTC)"]) == (
        "GENERATING",
        "ANALYZING",
        "2025-10-24 12:00:00",
    )
    (line,), _ = typed.table("workflow", "history", workflow_id)
    assert list(line.values())[:5] == ["2025-10-24 12:01:30", "ANALYZING", "1m 30s", "GENERATING", "made"]
    (row,) = typed.rows("workflow", "history", workflow_id)
    assert (row["from_state_seconds"], row["event"]) == (90, GENERATE[1])
