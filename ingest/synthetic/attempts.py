"""How one attempt goes: how long, how well, and in which stage it fails, if it does."""

from math import exp
from random import Random
from typing import Literal, NamedTuple

from ingest.synthetic.climate import Climate
from ingest.synthetic.world import FAILURES, STAGES, Domain, Failure, Model, NodeType

_ABANDONED = 0.02
_MAX_SECONDS = 7200.0
_MIN_QUALITY, _MAX_QUALITY = 0.05, 0.99
#: How much likelier a worse result is to fail: e^6 times for a whole point of quality.
_FAILURE_BY_QUALITY = 6.0
_MAX_FAILURE = 0.9


class Task(NamedTuple):
    """What is asked for. All attempts of a workflow share it, so an unlucky one stays unlucky."""

    node_type: NodeType
    domain: Domain
    model: Model
    luck: float  # in points of quality


class StageRun(NamedTuple):
    """One stage that was gone through."""

    name: str
    number: int  # from 1
    ended: float  # seconds after the beginning, like all times here
    seconds: float
    tokens: int
    usd: float
    success: bool


class Attempt(NamedTuple):
    """One attempt. `outcome` is None for an abandoned one, of which nothing more is heard."""

    retries: int
    started: float
    ended: float
    stages: list[StageRun]
    outcome: Literal["completed", "failed"] | None
    quality: float
    failure: Failure

    @property
    def failed_stage(self) -> str:
        """The stage in which it failed, or would have."""
        return STAGES[self.failure.stage].name


def draw_attempt(rng: Random, task: Task, retries: int, started: float, climate: Climate) -> Attempt:
    """Return one attempt of a task, begun at `started`."""
    expected = task.node_type.quality + task.domain.quality + task.model.quality + climate.quality
    quality = min(max(expected + task.luck + rng.gauss(0.0, 0.04), _MIN_QUALITY), _MAX_QUALITY)
    outcome = _outcome(rng, task, climate, quality - expected)
    failure = FAILURES.draw(rng)
    seconds = _seconds(rng, task, climate)
    stages = _stages(rng, task, started, seconds, _stages_gone_through(rng, task, outcome, failure))
    if outcome == "failed":
        stages[-1] = stages[-1]._replace(success=False)
        seconds = stages[-1].ended - started + 0.01
    return Attempt(retries, started, started + seconds, stages, outcome, quality, failure)


def _outcome(rng: Random, task: Task, climate: Climate, surprise: float) -> Literal["completed", "failed"] | None:
    if rng.random() < _ABANDONED:
        return None
    usual = task.node_type.failure * task.domain.failure * climate.failure
    return "failed" if rng.random() < min(usual * exp(-_FAILURE_BY_QUALITY * surprise), _MAX_FAILURE) else "completed"


def _seconds(rng: Random, task: Task, climate: Climate) -> float:
    median = task.node_type.seconds * task.domain.pace * task.model.pace * climate.pace
    return min(median * exp(rng.gauss(0.0, task.node_type.spread)), _MAX_SECONDS)


def _stages_gone_through(rng: Random, task: Task, outcome: str | None, failure: Failure) -> int:
    if outcome == "failed":
        return failure.stage + 1
    return task.node_type.stages if outcome == "completed" else rng.randrange(task.node_type.stages)


def _stages(rng: Random, task: Task, started: float, seconds: float, count: int) -> list[StageRun]:
    """Go through the first `count` stages; all of them take 97-99 % of `seconds`, the rest is waiting between them."""
    planned = STAGES[: task.node_type.stages]
    parts = [stage.share * (0.6 + 0.8 * rng.random()) for stage in planned]
    scale = seconds * (0.97 + 0.02 * rng.random()) / sum(parts)
    pause = seconds * 0.01 / len(planned)
    tokens = task.node_type.tokens * exp(rng.gauss(0.0, 0.35))
    ended = started
    runs = []
    for number, stage in enumerate(planned[:count], 1):
        took = parts[number - 1] * scale
        ended += took + pause
        used = int(tokens * stage.token_share * (0.8 + 0.4 * rng.random()))
        runs.append(StageRun(stage.name, number, ended, took, used, used * task.model.usd_per_token, True))
    return runs
