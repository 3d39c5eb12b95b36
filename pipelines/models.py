"""One row of the statistics, shaped like the guide's "Aggregation Output"."""

from datetime import datetime
from decimal import Decimal
from uuid import UUID

from pydantic import BaseModel, ConfigDict

from pipelines.enums import EnumAggregationType, EnumWindowType


class _Frozen(BaseModel):
    model_config = ConfigDict(frozen=True)


class ModelDurationStatistics(_Frozen):
    """Seconds of the successful generations whose duration is known, `n` of them; the failed ones' beside it."""

    avg_seconds: float | None
    p50_seconds: float | None
    p95_seconds: float | None
    p99_seconds: float | None
    min_seconds: float | None
    max_seconds: float | None
    n: int
    method: str
    failed_avg_seconds: float | None
    failed_n: int


class ModelQualityStatistics(_Frozen):
    """Scores from 0 to 1 of the successful generations that have one, `n` of them."""

    avg_score: float | None
    min_score: float | None
    max_score: float | None
    n: int


class ModelCostStatistics(_Frozen):
    """Tokens and US dollars of the generations, failed ones too, whose spend is known: `tokens_n` and `cost_n`."""

    total_tokens: int | None
    total_cost_usd: Decimal | None
    avg_tokens_per_generation: float | None
    avg_cost_per_generation: Decimal | None
    tokens_n: int
    cost_n: int


class ModelAggregatedMetrics(_Frozen):
    """The statistics of one group in one window. None means unknown, never 0."""

    aggregation_id: UUID
    window_type: EnumWindowType
    window_start: datetime
    window_end: datetime
    aggregation_type: EnumAggregationType
    group_key: str
    total_generations: int
    successful_generations: int
    failed_generations: int
    success_rate: float | None
    started_generations: int
    in_flight_generations: int
    abandoned_generations: int
    conflicting_terminal_events: int
    duration_statistics: ModelDurationStatistics
    quality_statistics: ModelQualityStatistics
    cost_statistics: ModelCostStatistics
