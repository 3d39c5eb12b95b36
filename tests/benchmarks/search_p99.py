"""How long a search takes, top ten with a facet filter: the slowest of a hundred, among a mix of questions."""

from functools import partial
from pathlib import Path
from statistics import median

from tests.benchmarks.harness import Benchmark, Result, percentile
from tests.benchmarks.search_sides import COMMON, MIXED, ask_all, searching

_ROUNDS = 3
_REPEATS = 12


def measure(count: int, _: Path) -> Result:
    """Ask the mix again and again; the figure is the median of the rounds' p99."""
    with searching(count) as api:
        ask_all(api, MIXED)
        rounds = [ask_all(api, MIXED * _REPEATS) for _ in range(_ROUNDS)]
    common = [ms for took in rounds for ms, asked in zip(took, MIXED * _REPEATS, strict=True) if asked in COMMON]
    p99s = [percentile(took, 0.99) for took in rounds]
    detail = {
        "p50_ms": round(median(ms for took in rounds for ms in took), 2),
        "common_words_p50_ms": round(median(common), 2),
        "nodes": count,
        "searches": _ROUNDS * _REPEATS * len(MIXED),
        "p99_rounds": [round(p99, 2) for p99 in p99s],
    }
    return Result(median(p99s), detail)


SEARCH_1K_P99 = Benchmark("search_1k_p99_ms", "ms", 5, "lower", partial(measure, 1_000))
SEARCH_100K_P99 = Benchmark("search_100k_p99_ms", "ms", 15, "lower", partial(measure, 100_000))
SEARCH_1M_P99 = Benchmark("search_1m_p99_ms", "ms", 60, "lower", partial(measure, 1_000_000))
