"""The four kinds of event, and the Kafka topic of each."""

from enum import StrEnum


class EventKind(StrEnum):
    """What happened to a generation."""

    STARTED = "started"
    STAGE_COMPLETED = "stage_completed"
    COMPLETED = "completed"
    FAILED = "failed"


EVENT_TYPES: dict[str, EventKind] = {
    "NODE_GENERATION_STARTED": EventKind.STARTED,
    "NODE_GENERATION_STAGE_COMPLETED": EventKind.STAGE_COMPLETED,
    "NODE_GENERATION_COMPLETED": EventKind.COMPLETED,
    "NODE_GENERATION_FAILED": EventKind.FAILED,
}

_TOPIC_NAMES: dict[EventKind, str] = {
    EventKind.STARTED: "generation-started",
    EventKind.STAGE_COMPLETED: "stage-completed",
    EventKind.COMPLETED: "generation-completed",
    EventKind.FAILED: "generation-failed",
}


def topic_of(kind: EventKind, environment: str) -> str:
    """Name the topic that carries events of a kind.

    >>> topic_of(EventKind.STARTED, "dev")
    'dev.omninode-bridge.codegen.generation-started.v1'
    """
    return f"{environment}.omninode-bridge.codegen.{_TOPIC_NAMES[kind]}.v1"


def topics_of(environment: str) -> dict[str, EventKind]:
    """Map the names of the four topics to the kind that each carries."""
    return {topic_of(kind, environment): kind for kind in EventKind}
