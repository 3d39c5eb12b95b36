"""What ingest tells Prometheus."""

from datetime import UTC, datetime

import pytest
from prometheus_client import CollectorRegistry

from ingest.committer import Committed
from ingest.decode import Decoder
from ingest.gaps import Gap, GapReason
from ingest.kinds import topics_of
from ingest.metrics import IngestMetrics, LagCollector
from ingest.micro_batch import Advance, Change, MicroBatch
from ingest.partition_id import PartitionId
from ingest.progress import PartitionLag
from tests.lakes import PLACE
from tests.messages import ENVIRONMENT, batch, completed

NOW = datetime(2025, 10, 24, 12, tzinfo=UTC)


def test_a_micro_batch_counts_its_events_its_dead_letters_and_the_messages_of_its_gaps() -> None:
    """Each counter moves by what the micro-batch brought, under the labels of the dashboard."""
    decoded = Decoder(topics_of(ENVIRONMENT)).decode(
        batch([completed(), completed(), b"no JSON"]), now=NOW, batch_id="b"
    )
    gap = Gap(PLACE, 10, 25, GapReason.RETENTION, NOW)
    micro_batch = MicroBatch("b", decoded.events, decoded.dead_letters, {PLACE: Advance(25, 28)}, [gap])
    registry = CollectorRegistry()

    IngestMetrics(registry).observe(Committed(Change(1, "b", ()), micro_batch))

    topic = decoded.events["topic"][0]
    assert registry.get_sample_value("ingest_events_total", {"topic": topic}) == 2
    assert registry.get_sample_value("ingest_dead_letters_total", {"reason": "invalid_json"}) == 1
    labels = {"topic": PLACE.topic, "partition": str(PLACE.partition), "reason": "retention"}
    assert registry.get_sample_value("ingest_gap_messages_total", labels) == 15
    assert registry.get_sample_value("ingest_batch_rows_sum") == 3


@pytest.mark.parametrize(
    ("committed", "low", "high", "lag"),
    [(40, None, 100, 60), (None, None, 100, 100), (None, 30, 100, 70), (100, None, 90, 0), (40, None, None, None)],
)
def test_lag_counts_what_is_in_kafka_and_not_in_the_lake(
    committed: int | None, low: int | None, high: int | None, lag: int | None
) -> None:
    """What Kafka has deleted of a partition that was never read is no lag; an unknown end has no sample."""
    place = PartitionId("cluster", "topic", 3)
    registry = CollectorRegistry()
    registry.register(LagCollector(lambda: [PartitionLag(place, committed, high, None, low)], lambda: NOW))

    assert registry.get_sample_value("ingest_lag_messages", {"topic": "topic", "partition": "3"}) == lag
