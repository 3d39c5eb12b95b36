"""Kafka to committed lake rows, beside a bare loop of `Consumer.consume(10_000)` over the same topics."""

from collections.abc import Iterable, Sequence
from pathlib import Path
from statistics import median
from typing import Any

from ingest.broker import embedded_broker
from ingest.kafka import KafkaSettings, ensure_topics
from ingest.kinds import EventKind
from ingest.producer import Outgoing, publish
from ingest.synthetic import synthetic_messages
from tests.benchmarks.harness import Benchmark, NotMeasured, Result, interleaved
from tests.benchmarks.kafka_sides import Reading, consume, ingest
from tests.benchmarks.million import START, million_events

_ROUNDS = 5
_MIXED_WORKFLOWS = 36_000


def measure(folder: Path) -> Result:
    """Compare on a million clean events; on the synthetic stream, with all that is wrong in it, for the detail."""
    with embedded_broker(folder / "broker") as address:
        clean = _compared(KafkaSettings(address, "clean"), folder, million_events())
        mixed = _compared(KafkaSettings(address, "mixed"), folder, _mixed())
    return Result(clean["ratio"], {**clean, "synthetic_stream": mixed})


def _mixed() -> Iterable[Outgoing]:
    """Both dialects, unknown fields, late and doubled events, and 0.1 % malformed messages."""
    for message in synthetic_messages(workflows=_MIXED_WORKFLOWS, seed=1, start=START, days=5):
        yield Outgoing(EventKind(message.kind), message.key, message.value, message.timestamp)


def _compared(settings: KafkaSettings, folder: Path, messages: Iterable[Outgoing]) -> dict[str, Any]:
    ensure_topics(settings)
    published = publish(settings, messages)
    readings: dict[str, list[Reading]] = {"ingest": [], "consume": []}

    def taken(name: str, reading: Reading) -> float:
        if reading.messages != published:
            raise NotMeasured(f"{name} read {reading.messages} of {published} messages")
        readings[name].append(reading)
        return published / reading.seconds

    rates = interleaved(
        {
            "ingest": lambda: taken("ingest", ingest(settings, folder)),
            "consume": lambda: taken("consume", consume(settings, published)),
        },
        rounds=_ROUNDS,
    )
    return _figures(rates, readings["ingest"], published)


def _figures(rates: dict[str, list[float]], ingested: Sequence[Reading], published: int) -> dict[str, Any]:
    last = ingested[-1]
    return {
        "ratio": median(rates["ingest"]) / median(rates["consume"]),
        "ingest_events_per_s": [round(rate) for rate in rates["ingest"]],
        "consume_events_per_s": [round(rate) for rate in rates["consume"]],
        "messages": published,
        "dead_letters": last.dead_letters,
        "commits": last.commits,
        "rounds": len(ingested),
        "ingest_peak_rss_mb": round(max(reading.rss_mb for reading in ingested)),
    }


INGEST_VS_CONSUME = Benchmark("ingest_vs_consume", "ratio", 0.40, "higher", measure)
