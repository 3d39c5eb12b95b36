"""The values that name a group, a window or a strategy. Each member equals the string that is stored."""

from enum import StrEnum

from omninode.node_type import EnumNodeType


class EnumDomain(StrEnum):
    """The domains known by name. The set is open: a plain string is accepted wherever a member is."""

    API = "api"
    ML = "ml"
    DATA = "data"
    GENERAL = "general"


class EnumQualityBucket(StrEnum):
    """Ranges of the quality score; `unscored` holds whatever has none, so that the buckets add up."""

    LOW = "low"
    MEDIUM = "medium"
    HIGH = "high"
    UNSCORED = "unscored"


class EnumWindowType(StrEnum):
    """Lengths of a window."""

    HOURLY = "hourly"
    DAILY = "daily"
    WEEKLY = "weekly"
    MONTHLY = "monthly"


class EnumAggregationType(StrEnum):
    """Strategies: what the generations of a window are grouped by."""

    NODE_TYPE_GROUPING = "node_type_grouping"
    QUALITY_BUCKETS = "quality_buckets"
    TIME_WINDOW = "time_window"
    DOMAIN_GROUPING = "domain_grouping"


__all__ = ["EnumAggregationType", "EnumDomain", "EnumNodeType", "EnumQualityBucket", "EnumWindowType"]
