"""The most memory that the ingest's process takes while it catches up."""

from pathlib import Path

from ingest.broker import embedded_broker
from ingest.kafka import KafkaSettings, ensure_topics
from ingest.producer import publish
from tests.benchmarks.harness import Benchmark, NotMeasured, Result
from tests.benchmarks.kafka_sides import Reading, ingest
from tests.benchmarks.million import million_events

_MORE = 2


def measure(folder: Path) -> Result:
    """Ingest a million events, then three million in another process: what grows with the backlog shows."""
    with embedded_broker(folder / "broker") as address:
        settings = KafkaSettings(address, "bench")
        ensure_topics(settings)
        count = publish(settings, million_events())
        shorter = _read(settings, folder, count)
        count += publish(settings, million_events(times=_MORE, seed=2))
        longer = _read(settings, folder, count)
    detail = {
        "first_million_mb": round(shorter.rss_mb),
        "three_million_mb": round(longer.rss_mb),
        "messages": longer.messages,
        "commits": longer.commits,
        "events_per_s": round(longer.messages / longer.seconds),
    }
    return Result(max(shorter.rss_mb, longer.rss_mb), detail)


def _read(settings: KafkaSettings, folder: Path, published: int) -> Reading:
    reading = ingest(settings, folder)
    if reading.messages != published:
        raise NotMeasured(f"ingest read {reading.messages} of {published} messages")
    return reading


INGEST_RSS = Benchmark("ingest_rss_mb", "MB", 600, "lower", measure)
