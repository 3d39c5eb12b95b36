"""Refuses what cannot be kept, in one line that names the field."""

from collections.abc import Iterable, Mapping
from datetime import UTC, datetime
from typing import Any, TypeVar

from pydantic import BaseModel, TypeAdapter, ValidationError

from omninode.errors import BadInput
from registry.enums import EnumHealthStatus
from registry.error_words import error_line, shown
from registry.field_types import NodeId, NodeType
from registry.models import (
    ModelNodeIntrospection,
    ModelNodeQueryInput,
    ModelNodeRegistrationInput,
)

Model = TypeVar("Model", bound=BaseModel)

#: What a registration may be given as. A mapping has the fields of one of the models.
GivenNode = ModelNodeRegistrationInput | ModelNodeIntrospection | Mapping[str, Any]

_NODE_ID: TypeAdapter[str] = TypeAdapter(NodeId)
_NODE_TYPE: TypeAdapter[str] = TypeAdapter(NodeType)
_REQUIRED = ("node_id", "node_name", "node_type", "version")


def checked_node(given: GivenNode) -> ModelNodeIntrospection:
    """Return what a node says about itself. Raises `BadInput` that names each field that is not right."""
    if isinstance(given, ModelNodeRegistrationInput):
        return given.node_introspection
    if isinstance(given, Mapping) and "node_introspection" in given:
        return _checked(ModelNodeRegistrationInput, given).node_introspection
    return _checked(ModelNodeIntrospection, given)


def checked_nodes(given: object) -> list[GivenNode]:
    """Return nodes to be registered; each is checked by itself. Raises `BadInput` for what is no list of anything."""
    if isinstance(given, str | bytes | Mapping | BaseModel) or not isinstance(given, Iterable):
        raise BadInput(f"nodes: must be a list of nodes, not {shown(given)}; one node takes register_node")
    return list(given)


def checked_query(given: ModelNodeQueryInput | Mapping[str, Any] | None) -> ModelNodeQueryInput:
    """Return a question. Raises `BadInput` that names each field that is not right."""
    return _checked(ModelNodeQueryInput, {} if given is None else given, "the query")


def checked_limit(limit: object, most: int) -> int:
    """Return how many are wanted. Raises `BadInput` for what is no number of them."""
    if not isinstance(limit, int) or isinstance(limit, bool) or not 1 <= limit <= most:
        raise BadInput(f"limit: must be a whole number from 1 to {most:,}, not {shown(limit)}")
    return limit


def checked_id(node_id: object) -> str:
    """Return an id. Raises `BadInput` for what cannot be one."""
    return _valid(_NODE_ID, node_id, "node_id")


def checked_type(node_type: object) -> str:
    """Return a node type in small letters. Raises `BadInput` for what cannot be one."""
    return str(_valid(_NODE_TYPE, node_type, "node_type"))


def checked_health(health_status: str) -> EnumHealthStatus:
    """Return a health. Raises `BadInput` for what is none."""
    try:
        return EnumHealthStatus(health_status)
    except ValueError:
        raise BadInput(f"health_status: {shown(health_status)} is none; write {_listed(EnumHealthStatus)}") from None


def checked_time(at: object, name: str) -> datetime:
    """Return a time; without an offset it is in UTC. Raises `BadInput` for what is no time."""
    if not isinstance(at, datetime):
        raise BadInput(f"{name}: {shown(at)} is no time; give a datetime")
    return at.replace(tzinfo=UTC) if at.tzinfo is None else at


def _checked(model: type[Model], given: object, whole: str = "the node") -> Model:
    try:
        return given if isinstance(given, model) else model.model_validate(given)
    except ValidationError as error:
        raise BadInput(error_line(error, whole=whole)) from None


def _valid(adapter: TypeAdapter[str], given: object, name: str) -> str:
    try:
        return adapter.validate_python(given)
    except ValidationError as error:
        raise BadInput(error_line(error, name)) from None


def _listed(words: Iterable[str], joined: str = "or") -> str:
    *most, last = map(str, words)
    return f"{', '.join(most)} {joined} {last}"


__all__ = [
    "GivenNode",
    "checked_health",
    "checked_id",
    "checked_limit",
    "checked_node",
    "checked_nodes",
    "checked_query",
    "checked_time",
    "checked_type",
]
