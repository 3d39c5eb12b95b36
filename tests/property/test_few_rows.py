"""A few rows are grouped in another way than many: to the last byte, the same comes of both."""

from collections.abc import Sequence
from datetime import timedelta

import polars as pl
from hypothesis import given, settings
from polars.testing import assert_frame_equal

from pipelines.breakdowns import breakdowns
from pipelines.compute import attempts_of
from pipelines.cuts import Cut, cut
from pipelines.enums import EnumAggregationType, EnumWindowType
from pipelines.few_rows import FEW, cut_at_once, few_or_lazy
from pipelines.measures import ended_measures, prepared
from pipelines.statistics import all_statistics
from pipelines.windows import windows_over
from tests.property.strategies import AS_OF, frames

_ALL_WINDOWS: list[Cut] = [(over, by, None) for over in EnumWindowType for by in EnumAggregationType]


def _agree(attempts: pl.DataFrame, cuts: Sequence[Cut], by: Sequence[str] = ()) -> pl.DataFrame:
    ended = attempts.with_columns(prepared(), instant="ended_at")
    few = cut_at_once(ended, cuts, ended_measures(), by=by)
    many = cut(ended.lazy(), cuts, ended_measures(), by=by).collect()
    assert_frame_equal(few.select(many.columns), many, check_row_order=False, check_exact=True)
    return few


@settings(max_examples=25, deadline=None)
@given(frames())
def test_both_ways_give_the_same_rows(events: pl.DataFrame) -> None:
    """All windows, some of them, none of a type, and groups that are split further."""
    attempts = attempts_of(events.lazy()).generations
    _agree(attempts, _ALL_WINDOWS)
    _agree(attempts, _ALL_WINDOWS, by=["outcome", "attempt"])
    hours = sorted(attempts["ended_at"].drop_nulls().dt.truncate("1h").unique())
    some = [
        *windows_over(hours[::2], EnumWindowType.HOURLY),
        # One that nothing is in, after all others.
        *windows_over([AS_OF + timedelta(days=900)], EnumWindowType.HOURLY),
    ]
    cuts: list[Cut] = [(EnumWindowType.HOURLY, by, some) for by in EnumAggregationType]
    found = _agree(attempts, [*cuts, (EnumWindowType.WEEKLY, EnumAggregationType.TIME_WINDOW, [])])
    assert set(found["window_start"]) == set(hours[::2])


@settings(max_examples=5, deadline=None)
@given(frames())
def test_whole_statistics_of_few_and_of_many_rows(events: pl.DataFrame) -> None:
    """Rows and breakdowns are the same whether their rows are few or, given as lazy frames, may be many."""
    attempts = attempts_of(events.lazy())
    generations, stages = attempts.generations, attempts.stages
    instants = [*generations["started_at"].drop_nulls(), *generations["ended_at"].drop_nulls()]
    windows = {window_type: windows_over(instants, window_type) for window_type in EnumWindowType}
    few = all_statistics(generations, windows, as_of=AS_OF)
    assert few.equals(all_statistics(generations.lazy(), windows, as_of=AS_OF))
    few_parts = breakdowns(generations, stages, windows)
    for one, other in zip(few_parts, breakdowns(generations.lazy(), stages.lazy(), windows), strict=True):
        assert one.equals(other)


def test_what_is_few() -> None:
    """A frame within the limit stays one; beyond it, it becomes lazy, as a lazy one stays whatever it holds."""
    limit = pl.DataFrame({"n": range(FEW)})
    assert isinstance(few_or_lazy(limit), pl.DataFrame)
    assert isinstance(few_or_lazy(pl.concat([limit, limit.head(1)])), pl.LazyFrame)
    assert isinstance(few_or_lazy(limit.head(1).lazy()), pl.LazyFrame)
