"""Events from Python callers, as rows of the lake."""

from collections.abc import Sequence
from datetime import datetime

import polars as pl

from ingest.contracts import GenerationEvent
from ingest.identity import with_identity
from ingest.schema import EVENTS, FACTS, TIMESTAMP

#: What stands in place of a Kafka topic for events that did not come through Kafka.
API_TOPIC = "python-api"


def event_rows(
    events: Sequence[tuple[GenerationEvent, datetime]], *, first_offset: int, now: datetime, batch_id: str
) -> pl.DataFrame:
    """Return one row of `ingest.schema.EVENTS` an event; each comes with the time at which it was handed over.

    An event without a time of its own happened when it was handed over.
    """
    rows = [_facts(event, received) for event, received in events]
    facts = with_identity(pl.DataFrame(rows, schema=FACTS))
    return facts.with_columns(
        event_date=pl.col("event_time").dt.date(),
        topic=pl.lit(API_TOPIC),
        partition=pl.lit(0, dtype=pl.Int32),
        offset=pl.int_range(first_offset, first_offset + len(rows), dtype=pl.Int64, eager=True),
        ingested_at=pl.lit(now, dtype=TIMESTAMP),
        batch_id=pl.lit(batch_id),
    ).select(EVENTS.names())


def _facts(event: GenerationEvent, received: datetime) -> dict[str, object]:
    facts = event.facts() | {"extra": event.extra_json()}
    if facts["event_time"] is None:
        return facts | {"event_time": received, "time_source": "kafka"}
    return facts | {"time_source": "payload"}
