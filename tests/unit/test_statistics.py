"""The statistics of windows, with numbers computed by hand."""

from datetime import UTC, datetime, timedelta
from decimal import Decimal
from random import Random
from typing import Any

import polars as pl
import pytest

from pipelines.enums import EnumAggregationType, EnumWindowType
from pipelines.generations import generations
from pipelines.rows import metric_rows
from pipelines.schema import STATISTICS
from pipelines.statistics import ABANDON_AFTER, all_statistics, window_statistics
from pipelines.windows import window_of, windows_between
from tests.events import Event, completed, failed, frame, stage, started

AS_OF = datetime(2025, 10, 24, 13, tzinfo=UTC)
NOON = datetime(2025, 10, 24, 12, tzinfo=UTC)


def statistics_of(
    *events: Event,
    by: EnumAggregationType = EnumAggregationType.TIME_WINDOW,
    over: EnumWindowType = EnumWindowType.DAILY,
    as_of: datetime = AS_OF,
) -> list[dict[str, Any]]:
    attempts = generations(frame(*events).lazy())
    return window_statistics(attempts, over, by, as_of=as_of).collect().sort("window_start", "group_key").to_dicts()


def the_row(*events: Event, as_of: datetime = AS_OF) -> dict[str, Any]:
    (row,) = statistics_of(*events, as_of=as_of)
    return row


def test_the_guides_example() -> None:
    """150 generations of 1200 tokens and 0.12 USD: failures' spend counts in the totals and in the averages."""
    spend = {"tokens": 1200, "cost_usd": Decimal("0.12")}
    events = [completed(f"w{n}", **spend) for n in range(142)] + [failed(f"f{n}", **spend) for n in range(8)]
    row = the_row(*events)
    assert (row["total_generations"], row["successful_generations"], row["failed_generations"]) == (150, 142, 8)
    assert row["success_rate"] == pytest.approx(0.9467, abs=5e-5)
    assert (row["total_tokens"], row["avg_tokens"], row["tokens_n"]) == (180_000, 1200.0, 150)
    assert (row["total_cost_usd"], row["avg_cost_usd"], row["cost_n"]) == (Decimal(18), Decimal("0.12"), 150)


def test_durations_are_those_of_successes() -> None:
    """Percentiles interpolate: of 1, 2, 3, 10 the 95th lies at 2.85 ranks, 3 + .85 * 7; failures stand beside."""
    row = the_row(
        *(completed(f"w{n}", duration_seconds=seconds) for n, seconds in enumerate([10.0, 1.0, 3.0, 2.0, None])),
        failed("f1", duration_seconds=100.0),
        failed("f2", duration_seconds=50.0),
        failed("f3"),
    )
    assert (row["avg_duration_seconds"], row["p50_duration_seconds"]) == (4.0, 2.5)
    assert row["p95_duration_seconds"] == pytest.approx(8.95)
    assert row["p99_duration_seconds"] == pytest.approx(9.79)
    assert (row["min_duration_seconds"], row["max_duration_seconds"], row["duration_n"]) == (1.0, 10.0, 4)
    assert (row["failed_avg_seconds"], row["failed_duration_n"]) == (75.0, 2)


def test_unknown_is_null_and_not_zero() -> None:
    """A measure of which nothing is known is null, and its n is 0."""
    row = the_row(completed())
    known = {name for name, value in row.items() if value is not None}
    assert known.isdisjoint({"avg_duration_seconds", "p99_duration_seconds", "failed_avg_seconds", "avg_quality"})
    assert known.isdisjoint({"total_tokens", "avg_tokens", "total_cost_usd", "avg_cost_usd"})
    assert [row[n] for n in ("duration_n", "failed_duration_n", "quality_n", "tokens_n", "cost_n")] == [0] * 5


def test_averages_are_over_the_known() -> None:
    """Two scores among three successes and a known spend among them: each average has its own n."""
    row = the_row(
        completed("a", quality_score=0.1, tokens=0),
        completed("b", quality_score=0.2, tokens=5, cost_usd=Decimal("0.1")),
        completed("c", cost_usd=Decimal("0.2")),
    )
    assert (row["avg_quality"], row["min_quality"], row["max_quality"], row["quality_n"]) == (0.15, 0.1, 0.2, 2)
    assert (row["total_tokens"], row["avg_tokens"], row["tokens_n"]) == (5, 2.5, 2)
    assert (row["total_cost_usd"], row["cost_n"]) == (Decimal("0.3"), 2)


def test_the_average_cost_is_rounded_half_to_even() -> None:
    """Nine decimals: 5 billionths shared by two are 2 each, and 7 are 4 each."""
    for billionths, average in ((5, 2), (7, 4)):
        events = completed("a", cost_usd=Decimal(billionths).scaleb(-9)), completed("b", cost_usd=Decimal(0))
        assert the_row(*events)["avg_cost_usd"] == Decimal(average).scaleb(-9)


def test_an_average_does_not_depend_on_the_rows_beside_it() -> None:
    """Alone in its frame or one row of two, the average has the same nine decimals; a quotient of floats has not."""
    measured = completed("a", duration_seconds=65536.07999095069)
    alone = the_row(measured)
    first, _ = statistics_of(measured, completed("b", at="2025-10-25T12:00:00"))
    assert alone["avg_duration_seconds"] == first["avg_duration_seconds"] == 65536.079990951


def test_a_generation_belongs_to_the_window_of_its_end() -> None:
    """Started before midnight and ended at midnight: a start of one day, a generation of the next."""
    first, second = statistics_of(started(at="2025-10-23T23:59:59"), completed(at="2025-10-24T00:00:00"))
    assert (first["window_start"].day, first["started_generations"], first["total_generations"]) == (23, 1, 0)
    assert (second["window_start"].day, second["started_generations"], second["total_generations"]) == (24, 0, 1)
    assert (first["success_rate"], second["success_rate"]) == (None, 1.0)


def test_unfinished_attempts_are_in_flight_until_they_are_abandoned() -> None:
    """24 hours after the end of the hour in which it started, an attempt without an end counts as abandoned."""
    begun = started(at="2025-10-24T12:34:56")
    cutoff = NOON + timedelta(hours=1) + ABANDON_AFTER
    for as_of, counts in ((cutoff - timedelta(hours=1), (1, 1, 0)), (cutoff, (1, 0, 1))):
        row = the_row(begun, as_of=as_of)
        names = ("started_generations", "in_flight_generations", "abandoned_generations")
        assert tuple(row[name] for name in names) == counts
    ended = the_row(begun, failed(at="2025-10-24T12:35:00"), as_of=cutoff)
    assert (ended["in_flight_generations"], ended["abandoned_generations"]) == (0, 0)


def test_an_attempt_known_only_by_a_stage_is_not_counted() -> None:
    """It neither started nor ended in any window."""
    assert statistics_of(stage(1)) == []


def test_conflicting_ends_are_counted() -> None:
    """One attempt with three different ends is one generation and two conflicts."""
    row = the_row(completed(event_id="a"), failed(event_id="b"), failed(event_id="c"))
    assert (row["total_generations"], row["conflicting_terminal_events"]) == (1, 2)


@pytest.mark.parametrize(
    ("strategy", "groups"),
    [
        (EnumAggregationType.NODE_TYPE_GROUPING, {"effect": 2, "unknown": 1}),
        (EnumAggregationType.QUALITY_BUCKETS, {"high": 1, "medium": 1, "unscored": 1}),
        (EnumAggregationType.TIME_WINDOW, {"all": 3}),
        (EnumAggregationType.DOMAIN_GROUPING, {"api": 1, "ml": 1, "unknown": 1}),
    ],
)
def test_strategies_group_the_same_generations(strategy: EnumAggregationType, groups: dict[str, int]) -> None:
    """Each strategy shares out the same three generations by its own key."""
    rows = statistics_of(
        completed("a", node_type="effect", domain="api", quality_score=0.8),
        completed("b", node_type="effect", domain="ml", quality_score=0.6),
        failed("c"),
        by=strategy,
    )
    assert {row["group_key"]: row["total_generations"] for row in rows} == groups


def test_only_the_given_windows_are_computed() -> None:
    """Of the first, second and third hour the outer two have rows, one a strategy; an empty hour has none."""
    events = (completed(f"w{hour}", at=NOON + timedelta(hours=hour)) for hour in range(3))
    hours = [window_of(NOON + timedelta(hours=hour), EnumWindowType.HOURLY) for hour in (0, 2, 72)]
    rows = all_statistics(generations(frame(*events).lazy()), {EnumWindowType.HOURLY: hours}, as_of=AS_OF)
    assert rows["window_start"].unique(maintain_order=True).to_list() == [hours[0].start, hours[1].start]
    assert rows["aggregation_type"].to_list() == sorted(EnumAggregationType) * 2
    assert rows["total_generations"].to_list() == [1] * 8


@pytest.mark.parametrize("windows", [{}, {EnumWindowType.HOURLY: []}])
def test_no_windows_are_no_rows(windows: dict[EnumWindowType, list[Any]]) -> None:
    """Nothing asked gives an empty frame of the same columns."""
    rows = all_statistics(generations(frame(completed()).lazy()), windows, as_of=AS_OF)
    assert rows.is_empty()
    assert rows.schema == STATISTICS


def test_a_naive_as_of_is_refused() -> None:
    """An instant without a zone is no instant."""
    with pytest.raises(ValueError, match="time zone"):
        statistics_of(completed(), as_of=AS_OF.replace(tzinfo=None))


def test_averages_are_the_same_in_any_order_and_on_any_engine() -> None:
    """20,000 durations in another order, in other chunks and streamed: the same bytes, which a sum of floats is not."""
    random = Random(7)
    events = frame(*(completed(f"w{n}", duration_seconds=random.lognormvariate(1, 2)) for n in range(20_000)))
    seconds = events["duration_seconds"].to_list()
    assert sum(seconds) != sum(reversed(seconds))

    windows = {kind: windows_between(NOON, NOON + timedelta(hours=1), kind) for kind in EnumWindowType}
    texts = set()
    for seed in range(5):
        shuffled = events.sample(fraction=1, shuffle=True, seed=seed)
        chunks = pl.concat([shuffled[: 1000 * seed], shuffled[1000 * seed :]], rechunk=False)
        attempts = generations(chunks.lazy()).collect(engine="streaming" if seed % 2 else "in-memory")
        texts.add(metric_rows(all_statistics(attempts, windows, as_of=AS_OF)).write_ndjson())
    assert len(texts) == 1
