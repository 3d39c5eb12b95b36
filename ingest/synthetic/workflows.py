"""How one workflow goes: its attempts, their stages, and what its producer tells of it."""

from random import Random
from typing import Literal, NamedTuple

from ingest.synthetic.attempts import Attempt, Task, draw_attempt
from ingest.synthetic.climate import Climates
from ingest.synthetic.identifiers import uuid4
from ingest.synthetic.world import DOMAINS, MODELS, NODE_TYPES

_RETRIED = 0.7
_MAX_RETRIES = 3
_MAX_BACKOFF = 3600.0


class Habits(NamedTuple):
    """What a workflow's producer tells, and how."""

    dialect: Literal["guide", "producers"]
    says_type: bool
    says_tokens: bool
    says_cost: bool
    says_totals: bool  # tokens and cost on COMPLETED too, not on the stages only
    says_quality: bool
    names_failures: bool  # node type and domain on FAILED too


class Workflow(NamedTuple):
    """One workflow, from its first start to its last event."""

    workflow_id: str
    correlation_id: str
    task: Task
    habits: Habits
    attempts: list[Attempt]


def draw_workflow(rng: Random, started: float, climates: Climates) -> Workflow:
    """Return a workflow that starts `started` seconds after the beginning."""
    task = Task(NODE_TYPES.draw(rng), DOMAINS.draw(rng), MODELS.draw(rng), rng.gauss(0.0, 0.07))
    return Workflow(uuid4(rng), uuid4(rng), task, _habits(rng), _attempts(rng, task, started, climates))


def _habits(rng: Random) -> Habits:
    chance = rng.random
    says_tokens = chance() < 0.97
    return Habits(
        dialect="guide" if chance() < 0.5 else "producers",
        says_type=chance() < 0.5,
        says_tokens=says_tokens,
        says_cost=says_tokens and chance() < 0.95,  # who does not count tokens knows no cost
        says_totals=chance() < 0.96,
        says_quality=chance() < 0.96,
        names_failures=chance() < 0.5,
    )


def _attempts(rng: Random, task: Task, started: float, climates: Climates) -> list[Attempt]:
    attempts = [draw_attempt(rng, task, 0, started, climates.at(started))]
    while attempts[-1].outcome == "failed" and len(attempts) <= _MAX_RETRIES and rng.random() < _RETRIED:
        started = attempts[-1].ended + min(5.0 + rng.expovariate(1 / 240.0), _MAX_BACKOFF)
        attempts.append(draw_attempt(rng, task, len(attempts), started, climates.at(started)))
    return attempts
