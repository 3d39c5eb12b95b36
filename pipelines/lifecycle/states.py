"""The states and events of the guide. Each member equals the string that is stored."""

from enum import StrEnum


class EnumWorkflowState(StrEnum):
    """Where a workflow stands. A team's own configuration may name other states: plain strings are accepted as well."""

    PENDING = "PENDING"
    ANALYZING = "ANALYZING"
    GENERATING = "GENERATING"
    VALIDATING = "VALIDATING"
    COMPLETED = "COMPLETED"
    FAILED = "FAILED"


class EnumTransitionEvent(StrEnum):
    """What moves a workflow. A team's own configuration may name other events: plain strings are accepted as well."""

    START_ANALYSIS = "START_ANALYSIS"
    START_GENERATION = "START_GENERATION"
    START_VALIDATION = "START_VALIDATION"
    COMPLETE_WORKFLOW = "COMPLETE_WORKFLOW"
    FAIL_WORKFLOW = "FAIL_WORKFLOW"
    RETRY_WORKFLOW = "RETRY_WORKFLOW"
