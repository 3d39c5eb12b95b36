"""The statistics equal those of an oracle written independently in SQL."""

from collections.abc import Sequence
from typing import Any

import polars as pl
import pytest
from hypothesis import given, settings

from assets.oracle.oracle import Oracle
from pipelines.breakdowns import breakdowns
from pipelines.compute import attempts_of
from pipelines.enums import EnumAggregationType, EnumWindowType
from pipelines.generations import generations
from pipelines.schema import GENERATIONS, STATISTICS, STATISTICS_KEY
from pipelines.statistics import window_statistics
from pipelines.windows import windows_over
from tests.property.strategies import AS_OF, frames

Row = dict[str, Any]


@settings(max_examples=80, deadline=None)
@given(frames())
def test_generations_equal_the_oracles(events: pl.DataFrame) -> None:
    """Every attempt has the facts that the oracle finds, exactly."""
    ours = generations(events.lazy()).collect().sort("workflow_id", "attempt")

    assert ours.schema == GENERATIONS
    with Oracle(events) as oracle:
        assert ours.to_dicts() == oracle.generations()


@settings(max_examples=80, deadline=None)
@given(frames())
def test_statistics_equal_the_oracles(events: pl.DataFrame) -> None:
    """All four strategies in all four lengths of window have the oracle's rows: counts and money to the last digit."""
    attempts = generations(events.lazy()).collect().lazy()
    parts = [
        window_statistics(attempts, window_type, aggregation_type, as_of=AS_OF)
        for window_type in EnumWindowType
        for aggregation_type in EnumAggregationType
    ]
    ours = pl.concat(pl.collect_all(parts)).sort(STATISTICS_KEY)

    assert ours.schema == STATISTICS
    with Oracle(events) as oracle:
        _assert_equal(ours, oracle.statistics(as_of=AS_OF))


@settings(max_examples=80, deadline=None)
@given(frames())
def test_breakdowns_equal_the_oracles(events: pl.DataFrame) -> None:
    """Stages, models and node types of every row, likewise."""
    attempts = attempts_of(events.lazy())
    ended = attempts.generations["ended_at"].drop_nulls().to_list()
    windows = {window_type: windows_over(ended, window_type) for window_type in EnumWindowType}
    ours = breakdowns(attempts.generations, attempts.stages, windows)

    with Oracle(events) as oracle:
        for name in ("stages", "models", "node_types"):
            _assert_equal(getattr(ours, name), oracle.breakdown(name))


def _assert_equal(ours: pl.DataFrame, theirs: Sequence[Row]) -> None:
    """Averages are ours to nine decimals; interpolations differ in the last digits with the order of operations."""
    floats = [name for name, dtype in ours.schema.items() if dtype == pl.Float64]
    assert ours.height == len(theirs)
    for our_row, their_row in zip(ours.to_dicts(), theirs, strict=True):
        for name in floats:
            expected = their_row[name]
            assert our_row[name] == (None if expected is None else pytest.approx(expected, rel=1e-12, abs=2e-9)), name
        exact = set(ours.columns) - set(floats)
        assert {name: our_row[name] for name in exact} == {name: their_row[name] for name in exact}
