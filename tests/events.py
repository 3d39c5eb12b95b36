"""Frames of lake events for tests: say what matters, the rest is filled in."""

from datetime import UTC, datetime
from typing import Any

import polars as pl

from ingest.schema import EVENTS

NOON = "2025-10-24T12:00:00"

Event = dict[str, Any]


def event(kind: str, workflow_id: str = "w1", *, at: str | datetime = NOON, attempt: int = 1, **facts: Any) -> Event:
    """One row of the lake. `at` is UTC; an event_id not given says kind, workflow, attempt, time and stage."""
    time = datetime.fromisoformat(at).replace(tzinfo=UTC) if isinstance(at, str) else at
    event_id = f"{kind}|{workflow_id}|{attempt}|{time.isoformat()}|{facts.get('stage_number', '')}"
    key = {"kind": kind, "workflow_id": workflow_id, "attempt": attempt, "event_time": time, "event_id": event_id}
    arrival = {"event_date": time.date(), "time_source": "payload", "ingested_at": time, "topic": kind, "partition": 0}
    return {**key, **arrival, **facts}


def started(workflow_id: str = "w1", **facts: Any) -> Event:
    """An attempt began."""
    return event("started", workflow_id, **facts)


def stage(number: int, workflow_id: str = "w1", **facts: Any) -> Event:
    """A stage of an attempt ended."""
    return event("stage_completed", workflow_id, stage_number=number, stage_name=f"stage {number}", **facts)


def completed(workflow_id: str = "w1", **facts: Any) -> Event:
    """An attempt succeeded."""
    return event("completed", workflow_id, **facts)


def failed(workflow_id: str = "w1", **facts: Any) -> Event:
    """An attempt failed."""
    return event("failed", workflow_id, **facts)


def frame(*events: Event) -> pl.DataFrame:
    """Return the events as the lake has them; an offset not given is the event's place in the call."""
    rows = [{"offset": place, **row} for place, row in enumerate(events)]
    return pl.DataFrame(rows, schema=EVENTS, orient="row")
