"""What must hold for whatever events: sums add up, and neither order nor delivery changes a byte."""

from collections.abc import Iterable
from decimal import Decimal
from itertools import groupby
from random import Random
from typing import Any

import polars as pl
from hypothesis import given, settings
from hypothesis import strategies as st

from ingest.schema import EVENTS
from pipelines.enums import EnumAggregationType, EnumWindowType
from pipelines.generations import generations
from pipelines.rows import metric_rows
from pipelines.schema import ATTEMPT_COUNTS, COUNTS, STATISTICS_KEY
from pipelines.statistics import all_statistics
from pipelines.windows import Window, windows_over
from tests.property.strategies import AS_OF, frames

#: Columns that add up over a partition of the generations.
_SUMS = [
    *COUNTS,
    *ATTEMPT_COUNTS,
    "failed_tokens",
    "failed_tokens_n",
    "failed_cost_usd",
    "failed_cost_n",
    "duration_n",
    "failed_duration_n",
    "quality_n",
    "total_tokens",
    "tokens_n",
    "total_cost_usd",
    "cost_n",
]

Row = dict[str, Any]


def _attempts(events: pl.DataFrame) -> pl.DataFrame:
    return generations(events.lazy()).collect()


def _touched(attempts: pl.DataFrame) -> dict[EnumWindowType, list[Window]]:
    """All windows in which an attempt started or ended."""
    instants = [*attempts["started_at"].drop_nulls(), *attempts["ended_at"].drop_nulls()]
    return {window_type: windows_over(instants, window_type) for window_type in EnumWindowType}


def _statistics(events: pl.DataFrame) -> pl.DataFrame:
    attempts = _attempts(events)
    return all_statistics(attempts, _touched(attempts), as_of=AS_OF)


def _total(rows: Iterable[Row], column: str) -> Decimal:
    return sum((Decimal(row[column]) for row in rows if row[column] is not None), start=Decimal(0))


@settings(max_examples=50, deadline=None)
@given(frames())
def test_the_groups_of_each_strategy_add_up_to_all(events: pl.DataFrame) -> None:
    """Node types, domains and quality buckets of a window each add up to its `all`."""
    rows = _statistics(events).sort("window_type", "window_start", "aggregation_type").to_dicts()
    by_window = groupby(rows, key=lambda row: (row["window_type"], row["window_start"]))
    for _, members in by_window:
        window = list(members)
        whole = [row for row in window if row["aggregation_type"] == EnumAggregationType.TIME_WINDOW]
        for strategy in EnumAggregationType:
            parts = [row for row in window if row["aggregation_type"] == strategy]
            for column in _SUMS:
                assert _total(parts, column) == _total(whole, column), (strategy, column)


@settings(max_examples=50, deadline=None)
@given(frames())
def test_hours_add_up_to_days_weeks_and_months(events: pl.DataFrame) -> None:
    """Every length of window holds the same generations in all, hour for hour."""
    statistics = _statistics(events)
    hours = statistics.filter(window_type=EnumWindowType.HOURLY.value).to_dicts()
    for longer in statistics.filter(pl.col("window_type") != EnumWindowType.HOURLY.value).iter_rows(named=True):
        inside = [
            hour
            for hour in hours
            if longer["window_start"] <= hour["window_start"] < longer["window_end"]
            and all(hour[key] == longer[key] for key in ("aggregation_type", "group_key"))
        ]
        for column in _SUMS:
            assert _total(inside, column) == _total([longer], column), column


@settings(max_examples=50, deadline=None)
@given(frames(), st.randoms(use_true_random=False))
def test_order_and_redelivery_change_no_byte(events: pl.DataFrame, random: Random) -> None:
    """The same events shuffled, delivered again and split into files give identical rows."""
    copies = events.sample(events.height // 2, seed=random.randrange(1000))
    again = pl.concat([events, copies.with_columns(pl.col("offset") + 1000)])
    order = random.sample(range(again.height), again.height)
    cut = random.randint(0, again.height)
    shuffled = pl.concat([again[order[:cut]], again[order[cut:]]], rechunk=False) if order else again

    once, twice = metric_rows(_statistics(events)), metric_rows(_statistics(shuffled.match_to_schema(EVENTS)))
    assert once.write_ndjson() == twice.write_ndjson()


@settings(max_examples=50, deadline=None)
@given(frames(), st.data())
def test_a_refresh_of_some_windows_equals_the_backfill_of_all(events: pl.DataFrame, data: st.DataObject) -> None:
    """Chosen windows computed alone have the same rows, and no others, as when everything is computed."""
    attempts = _attempts(events)
    touched = _touched(attempts)
    chosen = {
        window_type: data.draw(st.lists(st.sampled_from(windows), unique=True)) if windows else []
        for window_type, windows in touched.items()
    }

    refreshed = all_statistics(attempts, chosen, as_of=AS_OF)
    everything = all_statistics(attempts.lazy(), touched, as_of=AS_OF)
    wanted = {(window.window_type, window.start) for windows in chosen.values() for window in windows}
    rows = [row for row in everything.to_dicts() if (row["window_type"], row["window_start"]) in wanted]
    assert refreshed.to_dicts() == rows
    assert everything.equals(everything.sort(STATISTICS_KEY))
