"""Many writers on many workflows at once, in threads and processes, and what must be true afterwards."""

import multiprocessing
from collections import Counter
from collections.abc import Sequence
from concurrent.futures import ProcessPoolExecutor, ThreadPoolExecutor
from random import Random
from uuid import UUID, uuid4, uuid5

from pipelines.lifecycle.configuration import guides_configuration
from pipelines.lifecycle.rules import RuleSet
from sql.connection import connect
from sql.lifecycle_reports import LifecycleReports
from sql.lifecycle_rows import Command, NewWorkflow
from sql.lifecycle_store import LifecycleStore
from tests.lifecycle import ALL_FLAGS

_MACHINE = guides_configuration()
_EDGES = [(edge.to_state, edge.event) for edge in _MACHINE.transitions]


def hammer(url: str, *, workflows: int, processes: int, threads: int, moves: int, seed: int) -> Counter[bool]:
    """Let processes x threads writers make so many random moves each; return how many they were told were accepted.

    Half of the moves have a key and are sent again by another writer. Some go in bulk, in whatever order.
    """
    ids = [uuid5(UUID(int=seed), str(number)) for number in range(workflows)]
    with connect(url) as connection:
        LifecycleStore(connection).begin([NewWorkflow(workflow_id, "PENDING") for workflow_id in ids])
    told: Counter[bool] = Counter()
    context = multiprocessing.get_context("spawn")
    with ProcessPoolExecutor(processes, mp_context=context) as executor:
        jobs = [executor.submit(_process, url, ids, threads, moves, seed * 1000 + n) for n in range(processes)]
        for job in jobs:
            told.update(job.result())
    return told


def assert_sound(url: str, told: Counter[bool], *, workflows: int) -> str:
    """No lost update, no illegal history, and the counts add up."""
    with connect(url) as connection:
        reports = LifecycleReports(connection)
        assert reports.broken_histories() == []
        rows = connection.execute(
            "SELECT accepted, from_state, to_state, event, count(*) FROM workflow_state_history GROUP BY 1, 2, 3, 4"
        ).fetchall()
        states = reports.count_states()
        attempts = connection.execute(
            "SELECT count(*) FROM workflow_state_current AS c WHERE attempt <> 1 + (SELECT count(*) "
            "FROM workflow_state_history AS h "
            "WHERE h.workflow_id = c.workflow_id AND h.accepted AND h.event = 'RETRY_WORKFLOW')"
        ).fetchone()
    legal = {(edge.from_state, edge.to_state, edge.event) for edge in _MACHINE.transitions}
    assert {row[1:4] for row in rows if row[0]} <= legal
    made = Counter({accepted: sum(row[4] for row in rows if row[0] is accepted) for accepted in (True, False)})
    assert made == told, f"told {told}, written {made}"
    assert sum(row["workflows"] for row in states) == workflows
    assert sum(row["transitions"] for row in states) == made[True]
    assert attempts == (0,)
    return f"{made[True]:,} transitions made, {made[False]:,} refused, none lost, none illegal"


def _process(url: str, ids: Sequence[UUID], threads: int, moves: int, seed: int) -> Counter[bool]:
    told: Counter[bool] = Counter()
    with ThreadPoolExecutor(threads) as executor:
        for counted in executor.map(lambda number: _writer(url, ids, moves, seed * 100 + number), range(threads)):
            told.update(counted)
    return told


def _writer(url: str, ids: Sequence[UUID], moves: int, seed: int) -> Counter[bool]:
    """A key is the same for all writers: whoever comes second is told what the first was told."""
    rng, rules, told = Random(seed), RuleSet(_MACHINE), Counter[bool]()
    with connect(url) as connection:
        store = LifecycleStore(connection)
        while moves > 0:
            batch = [_command(rng, rules, ids) for _ in range(min(moves, rng.choice([1, 1, 1, 20])))]
            moves -= len(batch)
            outcomes = store.apply(batch)
            told.update(
                outcome.accepted for outcome in outcomes if not outcome.repeated and not _misused(outcome.error)
            )
    return told


def _command(rng: Random, rules: RuleSet, ids: Sequence[UUID]) -> Command:
    workflow_id = rng.choice(ids)
    to_state, event = rng.choice(_EDGES)
    ruling = rules.rule(to_state, event, ALL_FLAGS if rng.random() < 0.9 else {})
    if rng.random() < 0.5:
        key = f"{event}-{rng.randrange(3)}"
        return Command(workflow_id, uuid5(workflow_id, key), ruling, idempotency_key=key)
    return Command(workflow_id, uuid4(), ruling)


def _misused(error: str | None) -> bool:
    return error is not None and error.startswith("Idempotency key")
