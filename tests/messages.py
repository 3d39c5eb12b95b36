"""Messages for tests: payloads of both dialects, and the batches in which they come from Kafka."""

import json
from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Any

from ingest.decode import Decoded, Decoder
from ingest.kinds import EventKind, topic_of, topics_of
from ingest.limits import Limits
from ingest.messages import Messages

ENVIRONMENT = "test"
WORKFLOW = "3398727c-4860-5937-ad53-09dc1c9e8025"
#: When the batches come in.
NOW = datetime(2025, 12, 1, tzinfo=UTC)
#: Kafka's time of the messages.
SENT = datetime(2025, 10, 24, 12, 0, 0, 250_000, tzinfo=UTC)
TIME = "2025-10-24T10:30:00.125Z"

Payload = dict[str, Any]

#: The guide's own examples.
GUIDE: dict[EventKind, Payload] = {
    EventKind.STARTED: {"workflow_id": WORKFLOW, "node_type": "effect", "domain": "api", "timestamp": TIME},
    EventKind.STAGE_COMPLETED: {
        "workflow_id": WORKFLOW,
        "stage_name": "contract_generation",
        "stage_number": 1,
        "duration_ms": 150,
        "success": True,
        "tokens_consumed": 100,
        "cost_usd": 0.01,
    },
    EventKind.COMPLETED: {
        "workflow_id": WORKFLOW,
        "node_type": "effect",
        "domain": "api",
        "total_duration_seconds": 2.5,
        "quality_score": 0.88,
        "total_tokens": 1200,
        "total_cost_usd": 0.12,
    },
    EventKind.FAILED: {
        "workflow_id": WORKFLOW,
        "node_type": "effect",
        "failed_stage": "validation",
        "error_message": "Quality score below threshold",
    },
}

_COMMON = {
    "event_id": "11111111-2222-4333-8444-555555555555",
    "correlation_id": "c-1",
    "workflow_id": WORKFLOW,
    "timestamp": TIME,
    "primary_model": "m-1",
    "retry_count": 2,
}

#: The producers' spelling of the same.
PRODUCERS: dict[EventKind, Payload] = {
    EventKind.STARTED: {**_COMMON, "event_type": "NODE_GENERATION_STARTED", "node_type": "reducer", "domain": "ml"},
    EventKind.STAGE_COMPLETED: {
        **_COMMON,
        "event_type": "NODE_GENERATION_STAGE_COMPLETED",
        "stage_name": "code_generation",
        "stage_number": 8,
        "duration_seconds": 0.75,
        "success": False,
        "tokens_consumed": 7,
        "cost_usd": 0.000125,
    },
    EventKind.COMPLETED: {
        **_COMMON,
        "event_type": "NODE_GENERATION_COMPLETED",
        "node_type": "reducer",
        "domain": "ml",
        "total_duration_seconds": 11.0,
        "quality_score": 1.0,
        "total_tokens": 0,
        "total_cost_usd": 0.3,
    },
    EventKind.FAILED: {
        **_COMMON,
        "event_type": "NODE_GENERATION_FAILED",
        "failed_stage": "validation",
        "error_code": "E42",
        "error_message": "no",
        "partial_duration_seconds": 1.5,
        "total_tokens": 9,
        "total_cost_usd": 0.000000001,
    },
}


def value(payload: object) -> bytes:
    """Spell a payload as producers do."""
    return json.dumps(payload, separators=(",", ":")).encode()


def completed(**changes: Any) -> bytes:
    """The guide's COMPLETED event with these changes; None leaves a field out."""
    payload = GUIDE[EventKind.COMPLETED] | changes
    return value({name: told for name, told in payload.items() if told is not None})


def batch(
    values: Sequence[bytes | None],
    *,
    kind: EventKind = EventKind.COMPLETED,
    timestamps_ms: Sequence[int | None] | None = None,
    first_offset: int = 0,
) -> Messages:
    """These values in one partition of a kind's topic, each with a key and a header that tell its offset."""
    count = len(values)
    return Messages(
        topics=[topic_of(kind, ENVIRONMENT)] * count,
        partitions=[3] * count,
        offsets=list(range(first_offset, first_offset + count)),
        timestamps_ms=list(timestamps_ms or [int(SENT.timestamp() * 1000)] * count),
        values=list(values),
        keys=[f"key {index}".encode() for index in range(len(values))],
        headers=[[("number", str(index).encode()), ("none", None)] for index in range(len(values))],
    )


def decode(messages: Messages, limits: Limits | None = None) -> Decoded:
    """Decode at `NOW`."""
    return Decoder(topics_of(ENVIRONMENT), limits or Limits()).decode(messages, now=NOW, batch_id="batch")
