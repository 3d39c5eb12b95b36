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
    p95_is_weak: bool | None = None
    p99_is_weak: bool | None = None
    method: str
    #: Of the percentiles, if the method is not exact: how far they may be off, as a share of them.
    relative_error: float | None = None
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
    known_cost_share: float | None = None
    cost_per_success_usd: Decimal | None = None
    failed_tokens: int | None = None
    failed_cost_usd: Decimal | None = None
    failed_tokens_n: int | None = None
    failed_cost_n: int | None = None


class ModelAttemptStatistics(_Frozen):
    """First attempts and retries that ended, and the last attempts of their workflows, each with its successes."""

    first_attempts: int
    first_attempt_successes: int
    first_attempt_success_rate: float | None
    retried_attempts: int
    final_attempts: int
    eventual_successes: int
    eventual_success_rate: float | None


class ModelStageStatistics(_Frozen):
    """One stage of the generations that ended: milliseconds of the stages that did not fail, spend of all."""

    stage_number: int | None
    count: int
    failures: int
    p50_ms: float | None
    p95_ms: float | None
    n: int
    p95_is_weak: bool
    total_tokens: int | None
    tokens_n: int
    total_cost_usd: Decimal | None
    cost_n: int


class ModelOutcomeStatistics(_Frozen):
    """How many generations ended, and how."""

    total_generations: int
    successful_generations: int
    failed_generations: int
    success_rate: float | None


class ModelModelStatistics(ModelOutcomeStatistics):
    """The generations that one model made: seconds of the successful ones, spend of all."""

    p50_seconds: float | None
    p95_seconds: float | None
    n: int
    p95_is_weak: bool
    total_tokens: int | None
    tokens_n: int
    total_cost_usd: Decimal | None
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
    #: These four are None in rows that an older version of the program has made, until the next refresh.
    attempt_statistics: ModelAttemptStatistics | None = None
    stage_statistics: dict[str, ModelStageStatistics] | None = None
    model_statistics: dict[str, ModelModelStatistics] | None = None
    node_type_statistics: dict[str, ModelOutcomeStatistics] | None = None
