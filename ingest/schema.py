"""The columns of the lake's two tables."""

import polars as pl

#: One instant, in UTC, to the microsecond.
TIMESTAMP = pl.Datetime("us", "UTC")
#: Money in US dollars. Nine decimals, since one stage may cost a fraction of a cent.
USD = pl.Decimal(18, 9)

#: What an event says. Null means that the event did not say.
FACTS: dict[str, pl.DataType] = {
    "kind": pl.String(),  # started | stage_completed | completed | failed
    "event_id": pl.String(),  # the producer's, else derived: see ingest.identity
    "workflow_id": pl.String(),  # lower-case UUID
    "attempt": pl.Int32(),  # 1 + retries
    "event_time": TIMESTAMP,
    "time_source": pl.String(),  # payload | kafka
    "node_type": pl.String(),
    "domain": pl.String(),
    "primary_model": pl.String(),
    "stage_name": pl.String(),
    "stage_number": pl.Int32(),
    "stage_success": pl.Boolean(),
    # The stage's, the successful generation's, or the time a failed one took until it failed.
    "duration_seconds": pl.Float64(),
    "quality_score": pl.Float64(),
    # The stage's own, or the whole generation's on its last event.
    "tokens": pl.Int64(),
    "cost_usd": USD,
    "failed_stage": pl.String(),
    "error_code": pl.String(),
    "error_message": pl.String(),
    "correlation_id": pl.String(),
    "extra": pl.String(),  # the fields unknown to us, as one JSON object
}

#: Where a message stood in Kafka.
POSITION: dict[str, pl.DataType] = {
    "topic": pl.String(),
    "partition": pl.Int32(),
    "offset": pl.Int64(),
}

#: When and in which micro-batch a row came into the lake.
ARRIVAL: dict[str, pl.DataType] = {
    "ingested_at": TIMESTAMP,
    "batch_id": pl.String(),
}

EVENTS = pl.Schema({"event_date": pl.Date(), **FACTS, **POSITION, **ARRIVAL})
EVENTS_PARTITION_BY = ["event_date"]

DEAD_LETTERS = pl.Schema(
    {
        "ingested_date": pl.Date(),
        **POSITION,
        "kafka_time": TIMESTAMP,
        "key": pl.Binary(),
        "headers": pl.List(pl.Struct({"name": pl.String(), "value": pl.Binary()})),
        "value": pl.Binary(),
        "reason": pl.String(),  # a short code: see ingest.reasons
        "detail": pl.String(),  # the field and what is wrong with it
        **ARRIVAL,
    }
)
DEAD_LETTERS_PARTITION_BY = ["ingested_date"]
