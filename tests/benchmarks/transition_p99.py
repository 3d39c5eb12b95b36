"""How long one transition takes while sixteen writers make them at once."""

import asyncio
from pathlib import Path
from statistics import median
from time import perf_counter
from uuid import UUID

from pipelines import FSMStateTracker
from tests.benchmarks.bare_transitions import Bare, bare_transitions
from tests.benchmarks.harness import Benchmark, NotMeasured, Result, percentile
from tests.benchmarks.lifecycle_tables import lifecycle_database, new_workflows, timed_ms, with_tracker
from tests.lifecycle import ALL_FLAGS, HAPPY_PATH

_WRITERS = 16
_WORKFLOWS = 3_200


def measure(folder: Path) -> Result:
    """Move all workflows along the happy path, a step a round, and let pgbench make as many bare ones after each.

    The median of the rounds' p99, the first left out.
    """
    with lifecycle_database(folder) as url:
        rounds, bare = with_tracker(url, folder, lambda tracker: _rounds(tracker, url, folder))
    p99s = [percentile(taken, 0.99) for taken, _ in rounds[1:]]
    detail = {
        "p50_ms": round(median(percentile(taken, 0.5) for taken, _ in rounds[1:]), 3),
        "p99_ms": [round(p99, 3) for p99 in p99s],
        "transitions_per_s": round(median(len(taken) / seconds for taken, seconds in rounds[1:])),
        "pgbench_p50_ms": round(median(one.p50_ms for one in bare[1:]), 3),
        "pgbench_p99_ms": round(median(one.p99_ms for one in bare[1:]), 3),
    }
    return Result(median(p99s), detail)


async def _rounds(
    tracker: FSMStateTracker, url: str, folder: Path
) -> tuple[list[tuple[list[float], float]], list[Bare]]:
    ids = await new_workflows(tracker, _WORKFLOWS)
    rounds, bare = [], []
    for number, (state, event) in enumerate(HAPPY_PATH):
        began = perf_counter()
        parts = [_writer(tracker, ids[place::_WRITERS], state, event) for place in range(_WRITERS)]
        taken = [milliseconds for part in await asyncio.gather(*parts) for milliseconds in part]
        rounds.append((taken, perf_counter() - began))
        each = _WORKFLOWS // _WRITERS
        bare.append(await asyncio.to_thread(bare_transitions, url, folder, number=number, clients=_WRITERS, each=each))
    counts = (await tracker.get_metrics())["workflow_state_count"]
    if counts != {"COMPLETED": _WORKFLOWS, "ANALYZING": _WORKFLOWS * len(bare)}:
        raise NotMeasured(f"not every transition was made: {counts}")
    return rounds, bare


async def _writer(tracker: FSMStateTracker, ids: list[UUID], state: str, event: str) -> list[float]:
    return [await timed_ms(tracker.transition_state(workflow_id, state, event, ALL_FLAGS)) for workflow_id in ids]


TRANSITION_P99 = Benchmark("transition_p99_ms", "ms", 5, "lower", measure)
