"""The events as the guide shows them: no identity of their own, stages timed in milliseconds."""

from datetime import datetime
from random import Random
from typing import Any

from ingest.synthetic.attempts import Attempt, StageRun
from ingest.synthetic.totals import spent, totals
from ingest.synthetic.workflows import Workflow

Payload = dict[str, Any]


def envelope(_rng: Random, workflow: Workflow, attempt: Attempt, time: datetime) -> Payload:
    """What every event says."""
    payload: Payload = {"workflow_id": workflow.workflow_id}
    if attempt.retries:
        payload["retry_count"] = attempt.retries
    payload["timestamp"] = time.isoformat(timespec="milliseconds")[:-6] + "Z"
    return payload


def started(workflow: Workflow, _attempt: Attempt) -> Payload:
    """What STARTED adds."""
    return _subject(workflow)


def stage_completed(workflow: Workflow, run: StageRun) -> Payload:
    """What STAGE_COMPLETED adds."""
    return {
        "stage_name": run.name,
        "stage_number": run.number,
        "duration_ms": round(run.seconds * 1000),
        "success": run.success,
        **spent(workflow.habits, run),
    }


def completed(workflow: Workflow, attempt: Attempt) -> Payload:
    """What COMPLETED adds."""
    seconds = round(attempt.ended - attempt.started, 3)
    return {**_subject(workflow), "total_duration_seconds": seconds, **totals(workflow.habits, attempt)}


def failed(workflow: Workflow, attempt: Attempt) -> Payload:
    """What FAILED adds: not how long it took, nor the domain."""
    return {
        "node_type": workflow.task.node_type.name,
        "failed_stage": attempt.failed_stage,
        "error_message": attempt.failure.message,
    }


def _subject(workflow: Workflow) -> Payload:
    return {"node_type": workflow.task.node_type.name, "domain": workflow.task.domain.name}
