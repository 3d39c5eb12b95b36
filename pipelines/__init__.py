"""Events to generations to statistics, and the compositions that keep them in Postgres.

The public names below are loaded when they are first used: statistics need neither Kafka nor a database.
"""

from importlib import import_module
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from ingest.contracts import (
        ModelNodeGenerationCompleted,
        ModelNodeGenerationFailed,
        ModelNodeGenerationStageCompleted,
        ModelNodeGenerationStarted,
    )
    from pipelines.aggregator import CodegenMetricsAggregator
    from pipelines.enums import (
        EnumAggregationType,
        EnumDomain,
        EnumNodeType,
        EnumQualityBucket,
        EnumWindowType,
    )
    from pipelines.lifecycle.commands import Transition
    from pipelines.lifecycle.configuration import FSMConfiguration, FSMTransition
    from pipelines.lifecycle.states import EnumTransitionEvent, EnumWorkflowState
    from pipelines.lifecycle.tracker import FSMStateTracker
    from pipelines.models import ModelAggregatedMetrics
    from sql.lifecycle_rows import ModelStateTransition, ModelWorkflowState

__all__ = [
    "CodegenMetricsAggregator",
    "EnumAggregationType",
    "EnumDomain",
    "EnumNodeType",
    "EnumQualityBucket",
    "EnumTransitionEvent",
    "EnumWindowType",
    "EnumWorkflowState",
    "FSMConfiguration",
    "FSMStateTracker",
    "FSMTransition",
    "ModelAggregatedMetrics",
    "ModelNodeGenerationCompleted",
    "ModelNodeGenerationFailed",
    "ModelNodeGenerationStageCompleted",
    "ModelNodeGenerationStarted",
    "ModelStateTransition",
    "ModelWorkflowState",
    "Transition",
]

_LIFECYCLE = {
    "EnumTransitionEvent": "pipelines.lifecycle.states",
    "EnumWorkflowState": "pipelines.lifecycle.states",
    "FSMConfiguration": "pipelines.lifecycle.configuration",
    "FSMStateTracker": "pipelines.lifecycle.tracker",
    "FSMTransition": "pipelines.lifecycle.configuration",
    "ModelStateTransition": "sql.lifecycle_rows",
    "ModelWorkflowState": "sql.lifecycle_rows",
    "Transition": "pipelines.lifecycle.commands",
}


def __getattr__(name: str) -> object:
    if name not in __all__:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module(_home_of(name)), name)


def _home_of(name: str) -> str:
    if name in _LIFECYCLE:
        return _LIFECYCLE[name]
    if name.startswith("ModelNodeGeneration"):
        return "ingest.contracts"
    if name.startswith("Enum"):
        return "pipelines.enums"
    return "pipelines.models" if name == "ModelAggregatedMetrics" else "pipelines.aggregator"
