"""`omninode demo`: one run of everything, the same every time."""

import re
from pathlib import Path

from tests.command import CommandLine
from tests.postgres import state_folder
from tests.statistics import Tables, statistics_of, without


def demonstrated(home: Path) -> tuple[str, Tables]:
    """Run a small demo; return what it printed, and the statistics."""
    printed = CommandLine(home, {"OMNINODE_HOME": str(home)}).done("demo", "--workflows", "300", "--days", "7")
    return printed, without(statistics_of(home))


def test_demo_twice_gives_the_same_numbers() -> None:
    """Runs on two fresh homes, and once more on the first, print their tables and have the very same statistics."""
    with state_folder() as one, state_folder() as other:
        printed, first = demonstrated(one)
        _, second = demonstrated(other)
        _, again = demonstrated(one)

    assert first == second == again
    assert len(first) == 16
    assert all(first.values())
    for told in ("The last day, by node type", "Each month", "accepted", "refused", "codegen_metrics_aggregated"):
        assert told in printed
    assert re.search(r"^more: +(omninode|python -m omninode) stats --window daily", printed, re.MULTILINE)
