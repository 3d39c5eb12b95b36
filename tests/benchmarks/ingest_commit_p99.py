"""From the sending of an event to the commit of its row, at a steady rate."""

from concurrent.futures import ProcessPoolExecutor
from datetime import timedelta
from multiprocessing import get_context
from pathlib import Path

import polars as pl

from ingest.broker import embedded_broker
from ingest.kafka import KafkaSettings, ensure_topics
from ingest.producer import publish
from tests.benchmarks.commit_times import ingest_and_note, latencies_ms
from tests.benchmarks.guide_events import guide_events
from tests.benchmarks.harness import Benchmark, NotMeasured, Result
from tests.benchmarks.million import START
from tests.benchmarks.sent_times import sent_times
from tests.benchmarks.steady_producer import Sent, produce_steadily

_RATE = 20_000
_SECONDS = 40
_PATIENCE_SECONDS = 120.0


def measure(folder: Path) -> Result:
    """Let a producer and the ingest run side by side, each in a process of its own, on the embedded broker."""
    with (
        embedded_broker(folder / "broker") as address,
        ProcessPoolExecutor(2, mp_context=get_context("spawn")) as processes,
    ):
        settings = KafkaSettings(address, "bench")
        ensure_topics(settings)
        # Of 2025 by their timestamps. With their commit the ingest has begun, and the producer may.
        warm_up = publish(settings, guide_events(workflows=100, seed=1, start=START, period=timedelta(hours=1)))
        messages = warm_up + _RATE * _SECONDS
        begun = folder / "begun"
        ingesting = processes.submit(
            ingest_and_note,
            settings,
            folder / "lake",
            expected=messages,
            begun=begun,
            patience_seconds=_PATIENCE_SECONDS,
        )
        sent = processes.submit(produce_steadily, settings, rate=_RATE, seconds=_SECONDS, ready=begun).result()
        commits = ingesting.result()
        stamped = sent_times(settings, messages).filter(
            pl.col("sent_ms") > (START + timedelta(days=1)).timestamp() * 1000
        )
    return _result(latencies_ms(stamped, commits), sent, commits=len({commit.at_ms for commit in commits}))


def _result(latencies: pl.Series, sent: Sent, *, commits: int) -> Result:
    if latencies.null_count() or len(latencies) != sent.messages:
        raise NotMeasured(f"{latencies.null_count()} of {len(latencies)} messages were never committed")
    seconds = {
        share: round(float(latencies.quantile(share, "higher") or 0.0) / 1000, 3) for share in (0.5, 0.99, 0.999, 1.0)
    }
    detail = {
        "p50_s": seconds[0.5],
        "p999_s": seconds[0.999],
        "max_s": seconds[1.0],
        "events_per_s": round(sent.messages / sent.seconds),
        "producer_behind_s": round(sent.behind_seconds, 3),
        "messages": sent.messages,
        "commits": commits,
    }
    return Result(seconds[0.99], detail)


INGEST_COMMIT_P99 = Benchmark("ingest_commit_p99_s", "s", 1, "lower", measure)
