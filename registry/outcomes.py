"""From what became of a registration to the answer that its caller gets."""

from collections.abc import Mapping
from typing import Any

from registry.backend import Outcome, Spooled
from registry.enums import EnumRegistrationStatus
from registry.models import ModelNodeIntrospection, ModelNodeRegistrationOutput, ModelRegistrationResult
from sql.node_rows import Registration

_CONSUL_IS_AWAY = "Consul does not have it yet; it follows by itself"


def registration(node: ModelNodeIntrospection) -> Registration:
    """Return a node as it is stored."""
    said = node.model_dump(mode="json", exclude={"endpoints", "health_check"})
    endpoints = {name: endpoint.model_dump(exclude_defaults=True) for name, endpoint in node.endpoints.items()}
    return Registration(**said, endpoints=endpoints, ttl_seconds=node.health_check.ttl_seconds)


def registered(
    outcome: Outcome, *, in_postgres: bool, is_wanted: bool, why: str | None, is_awaited: bool = True
) -> ModelNodeRegistrationOutput:
    """Return the answer to a registration that was taken.

    `is_wanted`: whether it is to be in Consul; `why` it is not there yet, None if it is. `is_awaited` False: it is on
    its way there, and nobody waited to see it arrive.
    """
    if isinstance(outcome, Spooled):
        return _spooled(outcome)
    row = outcome.row or {}
    is_missing = is_wanted and why is not None
    is_degraded = is_missing and is_awaited
    result = ModelRegistrationResult(
        node_id=outcome.node_id,
        status=EnumRegistrationStatus.PENDING_CONSUL if is_missing else EnumRegistrationStatus.COMPLETE,
        consul_registered=is_wanted and why is None,
        postgres_registered=in_postgres,
        is_degraded=is_degraded,
        revision=outcome.revision,
        registration_timestamp=row.get("registration_timestamp"),
    )
    message = f"{_CONSUL_IS_AWAY}. {why}" if is_degraded else None
    return ModelNodeRegistrationOutput(success=True, registration_result=result, error_message=message)


def failed(node_id: str, why: str) -> ModelNodeRegistrationOutput:
    """Return the answer to a registration of which nothing is kept."""
    result = ModelRegistrationResult(
        node_id=node_id,
        status=EnumRegistrationStatus.FAILED,
        consul_registered=False,
        postgres_registered=False,
    )
    return ModelNodeRegistrationOutput(success=False, registration_result=result, error_message=why)


def said_id(given: object) -> str:
    """Return the id that a registration gives, for an answer that it is not good; empty if there is none to show."""
    inner = given.get("node_introspection", given) if isinstance(given, Mapping) else None
    node_id: Any = inner.get("node_id", "") if isinstance(inner, Mapping) else ""
    return node_id if isinstance(node_id, str) and node_id.isprintable() and len(node_id) <= 255 else ""


def _spooled(outcome: Spooled) -> ModelNodeRegistrationOutput:
    result = ModelRegistrationResult(
        node_id=outcome.node_id,
        status=EnumRegistrationStatus.PENDING_CONSUL,
        consul_registered=False,
        postgres_registered=False,
        is_degraded=True,
    )
    why = f"Postgres is away, this machine keeps the change until it is back. {outcome.reason}"
    return ModelNodeRegistrationOutput(success=True, registration_result=result, error_message=why)


__all__ = ["failed", "registered", "registration", "said_id"]
