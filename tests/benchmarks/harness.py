"""What a benchmark is: a name, a goal, and a function that measures the figure."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from statistics import median
from time import perf_counter
from typing import Any, Literal

from omninode.errors import OmninodeError
from tests.postgres import state_folder

Better = Literal["higher", "lower"]
Unit = Literal["ratio", "ms", "s", "1/s", "MB"]


@dataclass(frozen=True)
class Result:
    """A figure, and what it was made of."""

    value: float
    detail: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True)
class Benchmark:
    """A figure with a goal. `measure` gets an empty folder, which is removed afterwards."""

    name: str
    unit: Unit
    goal: float
    better: Better
    measure: Callable[[Path], Result]

    def is_met(self, value: float) -> bool:
        """Tell whether this value reaches the goal."""
        return value >= self.goal if self.better == "higher" else value <= self.goal


def run(benchmark: Benchmark) -> Result:
    """Measure, in a temporary folder that the embedded servers' own account can reach too."""
    with state_folder() as folder:
        return benchmark.measure(folder)


def interleaved(sides: Mapping[str, Callable[[], float]], *, rounds: int) -> dict[str, list[float]]:
    """Take each side in its turn, round after round, the order turned about each time: what slows one slows all."""
    taken: dict[str, list[float]] = {name: [] for name in sides}
    for number in range(rounds):
        names = sorted(sides, key=list(sides).index, reverse=number % 2 == 1)
        for name in names:
            taken[name].append(sides[name]())
    return taken


@contextmanager
def stopwatch() -> Iterator[Callable[[], float]]:
    """Yield a function that returns the seconds since."""
    began = perf_counter()
    yield lambda: perf_counter() - began


def percentile(values: Sequence[float], share: float) -> float:
    """Return the value that this share of the values does not exceed."""
    return sorted(values)[min(int(len(values) * share), len(values) - 1)]


def ratio_of_medians(above: Sequence[float], below: Sequence[float]) -> float:
    """Return how many times the median of the one is that of the other."""
    return median(above) / median(below)


class NotMeasured(OmninodeError):
    """A benchmark could not take its figure."""
