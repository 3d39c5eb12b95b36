"""The latency of a durable transition through the tracker, beside one bare statement that moves and writes down."""

from pathlib import Path
from statistics import median
from time import perf_counter
from uuid import UUID, uuid4

from pipelines import FSMStateTracker
from sql.connection import Connection, connect
from tests.benchmarks.bare_transitions import BARE
from tests.benchmarks.harness import Benchmark, NotMeasured, Result, percentile
from tests.benchmarks.lifecycle_tables import lifecycle_database, new_workflows, timed_ms, with_tracker
from tests.lifecycle import ALL_FLAGS

_TRANSITIONS = 1_500
_WARM_UP = 200

_BARE = BARE.format(workflow_id="%s", transition_id="%s")


def measure(folder: Path) -> Result:
    """Take them in turn, one of each; the ratio of the medians."""
    with lifecycle_database(folder) as url, connect(url) as connection:

        async def use(tracker: FSMStateTracker) -> tuple[list[float], list[float]]:
            ours, bare = [], []
            for workflow_id in await new_workflows(tracker, _WARM_UP):
                await _move(tracker, workflow_id)
                _bare_ms(connection, workflow_id)
            for place, workflow_id in enumerate(await new_workflows(tracker, 2 * _TRANSITIONS)):
                if place % 2:
                    ours.append(await timed_ms(_move(tracker, workflow_id)))
                else:
                    bare.append(_bare_ms(connection, workflow_id))
            return ours, bare

        ours, bare = with_tracker(url, folder, use)
    detail = {
        "tracker_p50_ms": round(median(ours), 3),
        "cte_p50_ms": round(median(bare), 3),
        "tracker_p99_ms": round(percentile(ours, 0.99), 3),
        "cte_p99_ms": round(percentile(bare, 0.99), 3),
    }
    return Result(median(ours) / median(bare), detail)


async def _move(tracker: FSMStateTracker, workflow_id: UUID) -> None:
    made, error = await tracker.transition_state(workflow_id, "ANALYZING", "START_ANALYSIS", ALL_FLAGS)
    if not made:
        raise NotMeasured(f"a transition was refused: {error}")


def _bare_ms(connection: Connection, workflow_id: UUID) -> float:
    began = perf_counter()
    connection.execute(_BARE, (workflow_id, uuid4()))
    return (perf_counter() - began) * 1000


TRANSITION_VS_CTE = Benchmark("transition_vs_cte", "ratio", 1.5, "lower", measure)
