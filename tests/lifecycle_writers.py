"""Many writers on many workflows at once, through trackers in threads and processes."""

import asyncio
import multiprocessing
from collections.abc import Sequence
from concurrent.futures import ProcessPoolExecutor, ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from random import Random
from typing import Any
from uuid import UUID, uuid5

from pipelines import FSMStateTracker, Transition
from pipelines.lifecycle.configuration import guides_configuration
from tests.lifecycle import ALL_FLAGS, settings_of, tracker_on
from tests.lifecycle_told import Told, sampled_metrics

_EDGES = [(edge.to_state, edge.event) for edge in guides_configuration().transitions]


@dataclass(frozen=True, slots=True)
class Storm:
    """So many processes of so many threads, each making so many random moves of the same workflows."""

    workflows: int
    moves: int
    seed: int
    processes: int = 4
    threads: int = 16

    @property
    def ids(self) -> list[UUID]:
        """The workflows."""
        return [uuid5(UUID(int=self.seed), str(number)) for number in range(self.workflows)]


def rage(storm: Storm, url: str, folder: Path, *, pause: float) -> tuple[Told, list[dict[str, Any]]]:
    """Begin the workflows and let everybody write; return what they were told, and the metrics sampled meanwhile.

    Half of the moves have a key that others use as well. Some go in bulk, in whatever order.
    """
    asyncio.run(_begin(storm, url, folder))
    told, context = Told(), multiprocessing.get_context("spawn")
    with (
        sampled_metrics(url, pause=pause) as samples,
        ProcessPoolExecutor(storm.processes, mp_context=context) as executor,
    ):
        for job in [executor.submit(_process, storm, url, folder, number) for number in range(storm.processes)]:
            told.add(job.result())
    return told, samples


async def _begin(storm: Storm, url: str, folder: Path) -> None:
    async with tracker_on(url, folder) as tracker:
        assert all(await tracker.initialize_many(storm.ids))


def _process(storm: Storm, url: str, folder: Path, number: int) -> Told:
    """One tracker for all threads, each with an event loop of its own."""
    tracker = FSMStateTracker(None, enable_postgres_persistence=True, settings=settings_of(url, folder))
    ids, told = storm.ids, Told()

    def write(thread: int) -> Told:
        rng = Random(f"{storm.seed} {number} {thread}")
        return asyncio.run(_writer(tracker, rng, ids, storm.moves))

    with ThreadPoolExecutor(storm.threads) as executor:
        for heard in executor.map(write, range(storm.threads)):
            told.add(heard)
    asyncio.run(tracker.close())
    return told


async def _writer(tracker: FSMStateTracker, rng: Random, ids: Sequence[UUID], moves: int) -> Told:
    told = Told()
    while moves > 0:
        batch = [_move(rng, ids) for _ in range(min(moves, rng.choice([1, 1, 1, 20])))]
        moves -= len(batch)
        if len(batch) == 1:
            (one,) = batch
            answers = [
                await tracker.transition_state(
                    one.workflow_id, one.to_state, one.event, one.metadata, idempotency_key=one.idempotency_key
                )
            ]
        else:
            answers = await tracker.transition_many(batch)
        for move, answer in zip(batch, answers, strict=True):
            told.hear(UUID(str(move.workflow_id)), move.idempotency_key, answer)
    return told


def _move(rng: Random, ids: Sequence[UUID]) -> Transition:
    """A key is the same for all writers, and not always for the same move."""
    to_state, event = rng.choice(_EDGES)
    key = rng.choice([None, None, f"{event} {rng.randrange(3)}", str(rng.randrange(3))])
    return Transition(rng.choice(ids), to_state, event, ALL_FLAGS if rng.random() < 0.9 else {}, key)


__all__ = ["Storm", "rage"]
