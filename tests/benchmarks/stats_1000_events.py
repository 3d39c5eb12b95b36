"""1,000 and 100,000 events from JSON bytes to the rows of all four strategies in all four windows."""

from collections.abc import Callable, Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path
from statistics import median

import polars as pl

from ingest.decode import Decoder
from ingest.kinds import EventKind, topic_of, topics_of
from ingest.messages import Messages
from ingest.producer import Outgoing
from ingest.synthetic import synthetic_messages
from pipelines.compute import attempts_of, rows_from
from pipelines.dirty import windows_of
from pipelines.enums import EnumAggregationType, EnumWindowType
from pipelines.generations import generations
from pipelines.rows import metric_rows
from pipelines.statistics import window_statistics
from pipelines.windows import window_start
from tests.benchmarks.guide_events import EVENTS_PER_WORKFLOW, guide_events
from tests.benchmarks.harness import Benchmark, NotMeasured, Result, interleaved, percentile, stopwatch

_ROUNDS = 60
_WARM_UP_ROUNDS = 5
_EVENTS = 1_000
_MANY_EVENTS = 100_000
_MANY_ROUNDS = 7
_START = datetime(2025, 9, 29, 12, tzinfo=UTC)
_NOW = _START + timedelta(days=60)
_DECODER = Decoder(topics_of("bench"))

#: (events, rows) of one run.
Run = Callable[[Messages], tuple[int, int]]


def measure(_: Path) -> Result:
    """Half an hour of live events; beside it one window type alone, five weeks of events, and the synthetic stream."""
    live, spread, mixed = _guide(timedelta(minutes=30)), _guide(timedelta(days=35)), _synthetic()
    sides = {
        "live": (_all_rows, live),
        "hourly_only": (_hourly_rows, live),
        "spread_over_35_days": (_all_rows, spread),
        "synthetic_stream": (_all_rows, mixed),
    }
    timed = {
        name: lambda run=run, messages=messages: _seconds(run, messages) for name, (run, messages) in sides.items()
    }
    interleaved(timed, rounds=_WARM_UP_ROUNDS)
    taken = {name: [1000 * seconds for seconds in of] for name, of in interleaved(timed, rounds=_ROUNDS).items()}
    detail = {f"{name}_ms": round(median(of), 2) for name, of in taken.items() if name != "live"}
    rows = {f"{name}_rows": run(messages)[1] for name, (run, messages) in sides.items()}
    p50 = round(median(taken["live"]), 2)
    return Result(percentile(taken["live"], 0.99), {"p50_ms": p50, **detail, **rows, "rounds": _ROUNDS})


def measure_many(_: Path) -> Result:
    """Half an hour of a hundred times as many events."""
    messages = _guide(timedelta(minutes=30), events=_MANY_EVENTS)
    seconds = [_seconds(_all_rows, messages) for _ in range(_MANY_ROUNDS + 1)][1:]
    return Result(_MANY_EVENTS / median(seconds), {"p50_ms": round(1000 * median(seconds)), "rounds": _MANY_ROUNDS})


def _seconds(run: Run, messages: Messages) -> float:
    with stopwatch() as elapsed:
        events, rows = run(messages)
        seconds = elapsed()
    if events < len(messages) * 0.98 or rows == 0:
        raise NotMeasured(f"{events} events and {rows} rows came of {len(messages)} messages")
    return seconds


def _all_rows(messages: Messages) -> tuple[int, int]:
    """All 16 strategy-windows."""
    events = _decoded(messages)
    hours = events.select(window_start(pl.col("event_time"), EnumWindowType.HOURLY).unique()).to_series().to_list()
    return events.height, rows_from(attempts_of(events.lazy()), windows_of(hours), as_of=_NOW).height


def _hourly_rows(messages: Messages) -> tuple[int, int]:
    """The four strategies in one window type."""
    events = _decoded(messages)
    found = generations(events.lazy()).collect().lazy()
    parts = [window_statistics(found, EnumWindowType.HOURLY, strategy, as_of=_NOW) for strategy in EnumAggregationType]
    return events.height, metric_rows(pl.concat(pl.collect_all(parts))).height


def _decoded(messages: Messages) -> pl.DataFrame:
    return _DECODER.decode(messages, now=_NOW, batch_id="bench").events


def _guide(period: timedelta, *, events: int = _EVENTS) -> Messages:
    workflows = events // EVENTS_PER_WORKFLOW
    return _messages(list(guide_events(workflows=workflows, seed=1, start=_START, period=period)))


def _synthetic() -> Messages:
    """Live events as they come: late and doubled ones, unknown fields, and one malformed message in a thousand."""
    stream = synthetic_messages(workflows=2_000, seed=1, start=_START, days=1)
    return _messages(
        [Outgoing(EventKind(each.kind), each.key, each.value, each.timestamp) for each in stream][:_EVENTS]
    )


def _messages(outgoing: Sequence[Outgoing]) -> Messages:
    return Messages(
        topics=[topic_of(message.kind, "bench") for message in outgoing],
        partitions=[0] * len(outgoing),
        offsets=list(range(len(outgoing))),
        timestamps_ms=[int((message.timestamp or _START).timestamp() * 1000) for message in outgoing],
        values=[message.value for message in outgoing],
    )


STATS_1000_EVENTS = Benchmark("stats_1000_events_ms", "ms", 15, "lower", measure)
STATS_100K_EVENTS = Benchmark("stats_100k_events_per_s", "1/s", 500_000, "higher", measure_many)
