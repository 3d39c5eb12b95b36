"""Refuses what cannot be kept, in one line that names the field."""

from collections.abc import Iterable, Mapping
from datetime import UTC, datetime
from typing import Any, TypeVar

from pydantic import BaseModel, TypeAdapter, ValidationError

from omninode.errors import BadInput
from registry.enums import EnumHealthStatus
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
_MOST_FIELDS = 3
_MOST_SHOWN = 60


def checked_node(given: GivenNode) -> ModelNodeIntrospection:
    """Return what a node says about itself. Raises `BadInput` that names each field that is not right."""
    if isinstance(given, ModelNodeRegistrationInput):
        return given.node_introspection
    if isinstance(given, Mapping) and "node_introspection" in given:
        return _checked(ModelNodeRegistrationInput, given).node_introspection
    return _checked(ModelNodeIntrospection, given)


def checked_query(given: ModelNodeQueryInput | Mapping[str, Any] | None) -> ModelNodeQueryInput:
    """Return a question. Raises `BadInput` that names each field that is not right."""
    return _checked(ModelNodeQueryInput, {} if given is None else given)


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
        raise BadInput(f"health_status: {_shown(health_status)} is none; write {_listed(EnumHealthStatus)}") from None


def checked_time(at: object, name: str) -> datetime:
    """Return a time; without an offset it is in UTC. Raises `BadInput` for what is no time."""
    if not isinstance(at, datetime):
        raise BadInput(f"{name}: {_shown(at)} is no time; give a datetime")
    return at.replace(tzinfo=UTC) if at.tzinfo is None else at


def _checked(model: type[Model], given: object) -> Model:
    try:
        return given if isinstance(given, model) else model.model_validate(given)
    except ValidationError as error:
        raise BadInput(_line(error)) from None


def _valid(adapter: TypeAdapter[str], given: object, name: str) -> str:
    try:
        return adapter.validate_python(given)
    except ValidationError as error:
        raise BadInput(_line(error, name)) from None


def _line(error: ValidationError, name: str = "") -> str:
    """Say of each field what is not right; what was given is shown so that it cannot bend a terminal or a log.

    >>> try:
    ...     ModelNodeIntrospection.model_validate({"node_id": "a b", "node_name": "N", "node_type": "effect"})
    ... except ValidationError as error:
    ...     print(_line(error))
    node_id: must begin with a letter or digit and have only letters, digits and . _ : @ + ~ - (ASCII), not 'a b'; \
version: is missing
    """
    errors = error.errors(include_url=False, include_context=False)
    texts = list(dict.fromkeys(_text(one, name) for one in errors))
    more = f"; and {len(texts) - _MOST_FIELDS} more" if len(texts) > _MOST_FIELDS else ""
    return "; ".join(texts[:_MOST_FIELDS]) + more


def _text(error: Any, name: str) -> str:
    place = [str(part) for part in error["loc"] if part != "node_introspection"]
    field = _cut(".".join([*([name] if name else []), *place])) or "the node"
    if error["type"] in ("model_type", "dict_type") and not place:
        return (
            f"{field}: must be an object with node_id, node_name, node_type and version, not {_shown(error['input'])}"
        )
    if error["type"] == "missing":
        return f"{field}: is missing"
    if error["type"] == "extra_forbidden":
        return f"{field}: is not known; leave it out, or put it into metadata"
    message = error["msg"][:1].lower() + error["msg"][1:]
    return f"{field}: {message}, not {_shown(error['input'])}"


def _shown(given: object) -> str:
    if isinstance(given, str):
        # Only the beginning is spelled out: the text may be huge.
        return _cut(ascii(given[: _MOST_SHOWN + 1]))
    if isinstance(given, bool | float | None):
        return repr(given)
    return _cut(ascii(given)) if isinstance(given, int) and abs(given) < 1 << 64 else f"a {type(given).__name__}"


def _cut(text: str) -> str:
    clean = "".join(character if character.isprintable() else "?" for character in text[: _MOST_SHOWN + 1])
    return clean if len(clean) <= _MOST_SHOWN else clean[:_MOST_SHOWN] + "..."


def _listed(words: Iterable[str], joined: str = "or") -> str:
    *most, last = map(str, words)
    return f"{', '.join(most)} {joined} {last}"


__all__ = ["GivenNode", "checked_health", "checked_id", "checked_node", "checked_query", "checked_time", "checked_type"]
