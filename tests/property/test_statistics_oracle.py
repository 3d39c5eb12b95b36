"""The statistics equal those of an oracle written independently in SQL."""

import polars as pl
import pytest
from hypothesis import given, settings

from pipelines.enums import EnumAggregationType, EnumWindowType
from pipelines.generations import generations
from pipelines.schema import GENERATIONS, STATISTICS, STATISTICS_KEY
from pipelines.statistics import window_statistics
from tests.oracle import oracle
from tests.property.strategies import AS_OF, frames

#: Ours are averages to nine decimals; interpolations differ in the last digits with the order of the operations.
_FLOATS = [name for name, dtype in STATISTICS.items() if dtype == pl.Float64]


@settings(max_examples=150, deadline=None)
@given(frames())
def test_generations_equal_the_oracles(events: pl.DataFrame) -> None:
    """Every attempt has the facts that the oracle finds, exactly."""
    ours = generations(events.lazy()).collect().sort("workflow_id", "attempt")

    assert ours.schema == GENERATIONS
    assert ours.to_dicts() == oracle.generations(events)


@settings(max_examples=150, deadline=None)
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

    theirs = oracle.statistics(events, as_of=AS_OF)
    assert ours.schema == STATISTICS
    assert ours.height == len(theirs)
    for our_row, their_row in zip(ours.to_dicts(), theirs, strict=True):
        for name in _FLOATS:
            expected = their_row[name]
            assert our_row[name] == (None if expected is None else pytest.approx(expected, rel=1e-12, abs=2e-9)), name
        exact = set(STATISTICS) - set(_FLOATS)
        assert {name: our_row[name] for name in exact} == {name: their_row[name] for name in exact}
