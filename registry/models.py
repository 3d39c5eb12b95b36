"""What a node says about itself, and how the registry is asked and answers.

What does not fit raises pydantic's `ValidationError`, which names each field.
"""

from collections.abc import Mapping
from datetime import datetime
from typing import Annotated, Any

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, field_validator
from pydantic_core import PydanticCustomError

from registry.enums import EnumHealthStatus, EnumNodeChange, EnumRegistrationStatus
from registry.field_types import Description, Metadata, Name, NodeId, NodeType, Url, Version
from registry.limits import (
    DEFAULT_TTL_SECONDS,
    MAX_CAPABILITIES,
    MAX_ENDPOINTS,
    MAX_ROWS,
    MAX_TTL_SECONDS,
    MIN_TTL_SECONDS,
)


class _Frozen(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class ModelCapability(_Frozen):
    """Something that a node can do."""

    name: Name
    description: Description = ""


class ModelEndpoint(_Frozen):
    """Where a node can be reached."""

    url: Url
    protocol: Name | None = None
    description: Description = ""


class ModelHealthCheck(_Frozen):
    """How often a node says that it is alive.

    Silent for longer than `ttl_seconds` it is degraded, for longer than twice that it is unhealthy.
    """

    ttl_seconds: Annotated[int, Field(ge=MIN_TTL_SECONDS, le=MAX_TTL_SECONDS)] = DEFAULT_TTL_SECONDS


def _endpoints(value: object) -> object:
    """A URL alone is an endpoint."""
    if not isinstance(value, Mapping):
        return value
    return {name: {"url": given} if isinstance(given, str) else given for name, given in value.items()}


class ModelNodeIntrospection(_Frozen):
    """What a node says about itself.

    `node_id` is one running node, `node_name` what it is. `endpoints` are by name; a URL alone is one, too. Versions
    are SemVer.

    >>> node = ModelNodeIntrospection(node_id="n-1", node_name="MyNode", node_type="effect", version="1.0.0")
    >>> node.health_check.ttl_seconds
    90
    """

    node_id: NodeId
    node_name: Name
    node_type: NodeType
    version: Version
    capabilities: Annotated[list[ModelCapability], Field(max_length=MAX_CAPABILITIES)] = []
    endpoints: Annotated[dict[Name, ModelEndpoint], BeforeValidator(_endpoints), Field(max_length=MAX_ENDPOINTS)] = {}
    metadata: Metadata = {}
    health_check: ModelHealthCheck = ModelHealthCheck()

    @field_validator("capabilities")
    @classmethod
    def _each_once(cls, capabilities: list[ModelCapability]) -> list[ModelCapability]:
        names = [capability.name for capability in capabilities]
        twice = next((name for name in names if names.count(name) > 1), None)
        if twice is not None:
            raise PydanticCustomError("capability_twice", "must name {name} only once", {"name": twice})
        return capabilities


class ModelNodeRegistrationInput(_Frozen):
    """The order to register a node."""

    node_introspection: ModelNodeIntrospection


class ModelRegistrationResult(_Frozen):
    """Where a node is registered now."""

    node_id: str
    status: EnumRegistrationStatus
    consul_registered: bool
    postgres_registered: bool
    #: Whether a part that was wanted is away, so that the registration waits for it on this machine or in the outbox.
    is_degraded: bool = False
    #: The number of the change; later changes have greater ones. None while it is only spooled.
    revision: int | None = None
    registration_timestamp: datetime | None = None


class ModelNodeRegistrationOutput(_Frozen):
    """The answer to a registration. `success` means: it is durable, in Postgres or in the spool of this machine.

    `error_message` says why it failed, or what is away.
    """

    success: bool
    registration_result: ModelRegistrationResult
    error_message: str | None = None


class ModelQueryFilters(_Frozen):
    """What nodes must have; what is None does not matter. `name` is the exact node name."""

    node_type: NodeType | None = None
    capability: Name | None = None
    health_status: EnumHealthStatus | None = None
    version: Name | None = None
    name: Name | None = None


class ModelNodeQueryInput(_Frozen):
    """A question for nodes. Filters are those of `ModelQueryFilters`; all of them must hold. No limit means all."""

    query_filters: ModelQueryFilters = ModelQueryFilters()
    limit: Annotated[int, Field(ge=1, le=MAX_ROWS)] | None = None
    offset: Annotated[int, Field(ge=0, le=MAX_ROWS)] = 0


class ModelNodeQueryResult(_Frozen):
    """The nodes found, ordered by id, each with the columns of `registered_nodes`.

    `total_count` is without limit and offset.
    """

    nodes: list[dict[str, Any]]
    total_count: int


class ModelNodeDifference(_Frozen):
    """How a node differs between two times. `before` or `after` is None where it was not there.

    `change` is registered, updated, health (only that) or deregistered; `fields` are the columns that differ. In
    between it may have changed more often: `changes` times, the last at `changed_at`.
    """

    node_id: str
    change: EnumNodeChange
    fields: list[str]
    changes: int
    changed_at: datetime
    before: dict[str, Any] | None
    after: dict[str, Any] | None


__all__ = [
    "ModelCapability",
    "ModelEndpoint",
    "ModelHealthCheck",
    "ModelNodeDifference",
    "ModelNodeIntrospection",
    "ModelNodeQueryInput",
    "ModelNodeQueryResult",
    "ModelNodeRegistrationInput",
    "ModelNodeRegistrationOutput",
    "ModelQueryFilters",
    "ModelRegistrationResult",
]
