"""The values that name a health, a status or a change. Each member equals the string that is stored."""

from enum import StrEnum

from omninode.node_type import EnumNodeType


class EnumHealthStatus(StrEnum):
    """How a node is. `unknown`: it registered and has not said anything since."""

    HEALTHY = "healthy"
    DEGRADED = "degraded"
    UNHEALTHY = "unhealthy"
    UNKNOWN = "unknown"


class EnumRegistrationStatus(StrEnum):
    """How far a registration has come."""

    #: Wherever it is wanted, it is there.
    COMPLETE = "complete"
    #: Durable; Consul, and Postgres if the registration is spooled on this machine, follow by themselves.
    PENDING_CONSUL = "pending_consul"
    FAILED = "failed"


class EnumNodeChange(StrEnum):
    """What a revision of a node was about."""

    REGISTERED = "registered"
    UPDATED = "updated"
    HEALTH = "health"
    DEREGISTERED = "deregistered"


__all__ = ["EnumHealthStatus", "EnumNodeChange", "EnumNodeType", "EnumRegistrationStatus"]
