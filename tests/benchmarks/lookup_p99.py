"""How long it takes to look up where a workflow stands, with a million workflows in the table."""

from pathlib import Path
from random import Random
from statistics import median
from uuid import UUID

from pipelines import FSMStateTracker
from sql.connection import connect
from tests.benchmarks.harness import Benchmark, Result, percentile
from tests.benchmarks.lifecycle_tables import lifecycle_database, timed_ms, with_tracker

_WORKFLOWS = 1_000_000
_LOOKUPS = 3_000
_ROUNDS = 3
_FILL = """
INSERT INTO workflow_state_current (workflow_id, current_state, state_entry_time, metadata)
SELECT md5(n::TEXT)::UUID, (ARRAY['PENDING', 'ANALYZING', 'GENERATING', 'VALIDATING'])[1 + n %% 4], now(),
    '{"node_type": "effect", "domain": "api"}'
FROM generate_series(1, %s) AS n
"""


def measure(folder: Path) -> Result:
    """Look up workflows at random; the median of the rounds' p99."""
    with lifecycle_database(folder) as url:
        with connect(url) as connection:
            connection.execute(_FILL, (_WORKFLOWS,))
            connection.execute("VACUUM ANALYZE workflow_state_current")
            ids = [row[0] for row in connection.execute("SELECT workflow_id FROM workflow_state_current")]
        rng = Random(1)
        chosen = [rng.sample(ids, _LOOKUPS) for _ in range(_ROUNDS)]

        async def use(tracker: FSMStateTracker) -> list[list[float]]:
            return [await _looked_up(tracker, part) for part in chosen]

        rounds = with_tracker(url, folder, use)
    p99s = [percentile(taken, 0.99) for taken in rounds]
    p50 = median(percentile(taken, 0.5) for taken in rounds)
    return Result(median(p99s), {"p50_ms": round(p50, 3), "p99_ms": [round(p99, 3) for p99 in p99s]})


async def _looked_up(tracker: FSMStateTracker, ids: list[UUID]) -> list[float]:
    return [await timed_ms(tracker.get_workflow_state(workflow_id)) for workflow_id in ids]


LOOKUP_P99 = Benchmark("lookup_p99_ms", "ms", 2, "lower", measure)
