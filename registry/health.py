"""How a node is, by what it last said and how long it has been silent."""

from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import Any

from registry.enums import EnumHealthStatus


def health_by_age(stored: str, alive_at: datetime | None, ttl_seconds: int, now: datetime) -> str:
    """Return the health: silent for longer than its TTL a node is degraded, for longer than twice that unhealthy.

    `alive_at` is its latest sign of life, None if there is none to count from. Of what it said and its silence the
    worse counts. The function node_health of sql/schema.sql does the same.

    >>> from datetime import UTC
    >>> noon = datetime(2025, 10, 24, 12, tzinfo=UTC)
    >>> [health_by_age("healthy", noon, 90, noon + timedelta(seconds=silent)) for silent in (90, 91, 181)]
    ['healthy', 'degraded', 'unhealthy']
    """
    silent = timedelta() if alive_at is None else now - alive_at
    ttl = timedelta(seconds=ttl_seconds)
    if stored == EnumHealthStatus.UNHEALTHY or silent > 2 * ttl:
        return EnumHealthStatus.UNHEALTHY.value
    return EnumHealthStatus.DEGRADED.value if silent > ttl else stored


def alive_at(row: Mapping[str, Any]) -> datetime | None:
    """Return a node's latest sign of life; to register is one."""
    signs = [row[name] for name in ("last_heartbeat", "registration_timestamp") if row[name] is not None]
    return max(signs, default=None)


def is_silent(row: Mapping[str, Any], now: datetime) -> bool:
    """Tell whether a node has been silent for longer than its TTL."""
    alive = alive_at(row)
    return alive is not None and now - alive > timedelta(seconds=row["ttl_seconds"])


def with_health(row: Mapping[str, Any], now: datetime) -> dict[str, Any]:
    """Return the row with its health by age, and beside it what was last said of it."""
    stored = row["health_status"] or EnumHealthStatus.UNKNOWN.value
    health = health_by_age(stored, alive_at(row), row["ttl_seconds"], now)
    return dict(row) | {"health_status": health, "reported_health_status": stored}


__all__ = ["alive_at", "health_by_age", "is_silent", "with_health"]
