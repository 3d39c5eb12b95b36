"""What is merged from parts is what is computed of the whole, percentiles within the stated error."""

from datetime import datetime, timedelta
from pathlib import Path

import polars as pl
import pytest
from hypothesis import given, settings

from pipelines.breakdowns import Breakdowns, breakdowns
from pipelines.compute import attempts_of
from pipelines.enums import EnumAggregationType, EnumWindowType
from pipelines.mergeable import merged, state_of
from pipelines.merged_rows import merged_breakdowns, merged_statistics
from pipelines.schema import STATISTICS_KEY
from pipelines.sketch import ERROR
from pipelines.statistics import window_statistics
from pipelines.windows import windows_over
from tests.benchmarks.ten_million import DAYS, START, write_generations
from tests.property.strategies import AS_OF, frames

_PERCENTILES = ["p50_duration_seconds", "p95_duration_seconds", "p99_duration_seconds"]


def _exact(attempts: pl.LazyFrame) -> pl.DataFrame:
    parts = [
        window_statistics(attempts, window_type, by, as_of=AS_OF)
        for window_type in EnumWindowType
        for by in EnumAggregationType
    ]
    return pl.concat(pl.collect_all(parts)).sort(STATISTICS_KEY)


def _agree(found: pl.DataFrame, exact: pl.DataFrame) -> None:
    assert found.drop(_PERCENTILES).equals(exact.drop(_PERCENTILES))
    for name in _PERCENTILES:
        assert found[name].is_null().equals(exact[name].is_null())
        distance = (found[name] - exact[name]).abs()
        assert (distance <= exact[name] * (ERROR + 1e-9)).all(), name


@settings(max_examples=8, deadline=None)
@given(frames())
def test_parts_that_share_hours_add_up_to_the_whole(events: pl.DataFrame) -> None:
    """Zeros, nulls, unknown and unfinished attempts, split in two and merged, in windows years apart."""
    attempts = attempts_of(events.lazy())
    states = []
    for part in range(2):
        chosen = pl.col("workflow_id").hash() % 2 == part
        found, stages = (frame.filter(chosen).lazy() for frame in (attempts.generations, attempts.stages))
        states.append(state_of(found, stages, as_of=AS_OF))
    whole = merged(states)
    _agree(merged_statistics(whole), _exact(attempts.generations.lazy()))
    windows = {over: windows_over(_instants(attempts.generations), over) for over in EnumWindowType}
    exact = breakdowns(attempts.generations, attempts.stages, windows)
    _agree_by_name(merged_breakdowns(whole, windows), exact)

    days = {over: windows[over] for over in (EnumWindowType.DAILY, EnumWindowType.WEEKLY, EnumWindowType.MONTHLY)}
    by_day = merged((merged([state], EnumWindowType.DAILY) for state in states), EnumWindowType.DAILY)
    assert merged_statistics(by_day, days).equals(merged_statistics(whole, days))
    assert merged_statistics(by_day, days, of=EnumWindowType.DAILY).equals(merged_statistics(whole, days))
    for one, other in zip(merged_breakdowns(by_day, days), merged_breakdowns(whole, days), strict=True):
        assert one.equals(other)


def _instants(attempts: pl.DataFrame) -> list[datetime]:
    return [*attempts["started_at"].drop_nulls(), *attempts["ended_at"].drop_nulls()]


def _agree_by_name(found: Breakdowns, exact: Breakdowns) -> None:
    for ours, theirs in zip(found, exact, strict=True):
        close = [name for name in theirs.columns if name.startswith(("p50_", "p95_")) and theirs[name].dtype.is_float()]
        assert ours.drop(close).equals(theirs.drop(close))
        for name in close:
            assert ours[name].is_null().equals(theirs[name].is_null())
            assert ((ours[name] - theirs[name]).abs() <= theirs[name] * (ERROR + 1e-9)).all(), name


def test_a_month_is_merged_from_its_hours(tmp_path: Path) -> None:
    """20,000 generations in all windows of a month; and asked for a few windows, it makes those rows alone."""
    write_generations(tmp_path / "generations.parquet", count=20_000)
    attempts = pl.scan_parquet(tmp_path / "generations.parquet")
    state = state_of(attempts, as_of=AS_OF)
    rows = merged_statistics(state)
    _agree(rows, _exact(attempts))

    few = windows_over([START + timedelta(days=day) for day in range(0, DAYS, 9)], EnumWindowType.DAILY)
    starts = [window.start for window in few]
    wanted = rows.filter(pl.col("window_type") == "daily", pl.col("window_start").is_in(starts))
    assert merged_statistics(state, {EnumWindowType.DAILY: few}).equals(wanted)


@pytest.mark.parametrize("count", [0, 1])
def test_of_next_to_nothing_comes_next_to_nothing(count: int, tmp_path: Path) -> None:
    """No generation has no rows; one has at most a row of each strategy and window for its start and its end."""
    write_generations(tmp_path / "generations.parquet", count=max(count, 1))
    attempts = pl.read_parquet(tmp_path / "generations.parquet").head(count).lazy()
    _agree(merged_statistics(state_of(attempts, as_of=AS_OF)), _exact(attempts))
