"""What goes into the node registry's tables, and what comes out."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

#: The columns of registered_nodes by name, without the transaction of the latest write.
NodeRow = Mapping[str, Any]

#: What a registration says; everything else of a row is the registry's own.
CONTENT = ("node_name", "node_type", "version", "capabilities", "endpoints", "metadata", "ttl_seconds")


@dataclass(frozen=True, slots=True)
class Registration:
    """A node as it is to be registered; capabilities, endpoints and metadata are JSON's own types.

    `at` None: now, by the database's clock.
    """

    node_id: str
    node_name: str
    node_type: str
    version: str
    capabilities: list[dict[str, Any]]
    endpoints: dict[str, Any]
    metadata: dict[str, Any]
    ttl_seconds: int
    at: datetime | None = None


@dataclass(frozen=True, slots=True)
class HealthReport:
    """What was said of a node's health. What others say of it is no heartbeat. `at` None: now."""

    node_id: str
    health_status: str
    is_heartbeat: bool = True
    at: datetime | None = None


@dataclass(frozen=True, slots=True)
class Written:
    """What a call made of a node: its row, None if it is gone, and the number of its latest change.

    `is_new`: it was not there before. `is_changed`: there is a new revision. `only_health`: nothing else was written.
    """

    node_id: str
    revision: int
    row: NodeRow | None
    is_new: bool
    is_changed: bool
    only_health: bool = False


@dataclass(frozen=True, slots=True)
class Filters:
    """What nodes must have; what is None does not matter. `health_status` is the health by age."""

    node_id: str | None = None
    node_type: str | None = None
    capability: str | None = None
    health_status: str | None = None
    version: str | None = None
    name: str | None = None


@dataclass(frozen=True, slots=True)
class NodeCount:
    """How many nodes have this type and this health."""

    node_type: str
    health_status: str
    nodes: int


@dataclass(frozen=True, slots=True)
class Heartbeat:
    """One heartbeat of a node."""

    received_at: datetime
    health_status: str


@dataclass(frozen=True, slots=True)
class TwoStates:
    """A node at two times, None where it was not there, and how often it changed between them."""

    node_id: str
    before: NodeRow | None
    after: NodeRow | None
    changes: int
    changed_at: datetime


__all__ = [
    "CONTENT",
    "Filters",
    "HealthReport",
    "Heartbeat",
    "NodeCount",
    "NodeRow",
    "Registration",
    "TwoStates",
    "Written",
]
