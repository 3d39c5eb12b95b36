"""How many durable transitions a second the bulk call makes."""

from pathlib import Path
from statistics import median

from pipelines import FSMStateTracker, Transition
from tests.benchmarks.harness import Benchmark, NotMeasured, Result, stopwatch
from tests.benchmarks.lifecycle_tables import lifecycle_database, new_workflows, with_tracker
from tests.lifecycle import ALL_FLAGS, HAPPY_PATH

_WORKFLOWS = 20_000
_A_CALL = 2_000


def measure(folder: Path) -> Result:
    """Move all workflows along the happy path, a step a round; the median of the rounds, the first left out."""
    with lifecycle_database(folder) as url:
        rates = with_tracker(url, folder, _rates)
    return Result(median(rates[1:]), {"rates": [round(rate) for rate in rates]})


async def _rates(tracker: FSMStateTracker) -> list[float]:
    ids = await new_workflows(tracker, _WORKFLOWS)
    rates = []
    for state, event in HAPPY_PATH:
        with stopwatch() as seconds:
            for first in range(0, _WORKFLOWS, _A_CALL):
                asked = [Transition(one, state, event, ALL_FLAGS) for one in ids[first : first + _A_CALL]]
                answers = await tracker.transition_many(asked)
                if not all(made for made, _ in answers):
                    raise NotMeasured(f"a transition was refused: {answers[0]}")
        rates.append(_WORKFLOWS / seconds())
    return rates


BULK_TRANSITIONS = Benchmark("bulk_transitions_per_s", "1/s", 20_000, "higher", measure)
