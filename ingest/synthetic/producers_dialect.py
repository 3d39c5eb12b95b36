"""The events as producers in the field send them: with identities, model and error codes, all durations in seconds."""

from datetime import datetime
from random import Random
from typing import Any

from ingest.synthetic.attempts import Attempt, StageRun
from ingest.synthetic.identifiers import uuid4
from ingest.synthetic.totals import spent, totals
from ingest.synthetic.workflows import Workflow

Payload = dict[str, Any]

_WITH_EVENT_ID = 0.95


def envelope(rng: Random, workflow: Workflow, attempt: Attempt, time: datetime) -> Payload:
    """What every event says."""
    payload: Payload = {"event_id": uuid4(rng)} if rng.random() < _WITH_EVENT_ID else {}
    payload["correlation_id"] = workflow.correlation_id
    payload["workflow_id"] = workflow.workflow_id
    payload["retry_count"] = attempt.retries
    payload["timestamp"] = time.isoformat(timespec="microseconds")
    return payload


def started(workflow: Workflow, _attempt: Attempt) -> Payload:
    """What STARTED adds."""
    return _subject(workflow)


def stage_completed(workflow: Workflow, run: StageRun) -> Payload:
    """What STAGE_COMPLETED adds."""
    return {
        "stage_name": run.name,
        "stage_number": run.number,
        "duration_seconds": round(run.seconds, 6),
        "success": run.success,
        **spent(workflow.habits, run),
    }


def completed(workflow: Workflow, attempt: Attempt) -> Payload:
    """What COMPLETED adds."""
    seconds = round(attempt.ended - attempt.started, 6)
    return {**_subject(workflow), "total_duration_seconds": seconds, **totals(workflow.habits, attempt)}


def failed(workflow: Workflow, attempt: Attempt) -> Payload:
    """What FAILED adds: some producers do not say what it was that failed."""
    return {
        **(_subject(workflow) if workflow.habits.names_failures else {}),
        "failed_stage": attempt.failed_stage,
        "error_code": attempt.failure.code,
        "error_message": attempt.failure.message,
        "partial_duration_seconds": round(attempt.ended - attempt.started, 6),
    }


def _subject(workflow: Workflow) -> Payload:
    task = workflow.task
    return {"node_type": task.node_type.name, "domain": task.domain.name, "primary_model": task.model.name}
