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
    from pipelines.models import ModelAggregatedMetrics

__all__ = [
    "CodegenMetricsAggregator",
    "EnumAggregationType",
    "EnumDomain",
    "EnumNodeType",
    "EnumQualityBucket",
    "EnumWindowType",
    "ModelAggregatedMetrics",
    "ModelNodeGenerationCompleted",
    "ModelNodeGenerationFailed",
    "ModelNodeGenerationStageCompleted",
    "ModelNodeGenerationStarted",
]


def __getattr__(name: str) -> object:
    if name not in __all__:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module(_home_of(name)), name)


def _home_of(name: str) -> str:
    if name.startswith("ModelNodeGeneration"):
        return "ingest.contracts"
    if name.startswith("Enum"):
        return "pipelines.enums"
    return "pipelines.models" if name == "ModelAggregatedMetrics" else "pipelines.aggregator"
