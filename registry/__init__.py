"""The node registry: registration, health, history, and the search.

The public names below are loaded when they are first used.
"""

from importlib import import_module
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from registry.enums import EnumHealthStatus, EnumNodeChange, EnumNodeType, EnumRegistrationStatus
    from registry.models import (
        ModelCapability,
        ModelEndpoint,
        ModelHealthCheck,
        ModelNodeDifference,
        ModelNodeIntrospection,
        ModelNodeQueryInput,
        ModelNodeQueryResult,
        ModelNodeRegistrationInput,
        ModelNodeRegistrationOutput,
        ModelRegistrationResult,
    )
    from registry.search_api import EnumSortBy, EnumSortOrder, ModelSearchQuery, SearchAPI
    from registry.service import NodeRegistryService

__all__ = [
    "EnumHealthStatus",
    "EnumNodeChange",
    "EnumNodeType",
    "EnumRegistrationStatus",
    "EnumSortBy",
    "EnumSortOrder",
    "ModelCapability",
    "ModelEndpoint",
    "ModelHealthCheck",
    "ModelNodeDifference",
    "ModelNodeIntrospection",
    "ModelNodeQueryInput",
    "ModelNodeQueryResult",
    "ModelNodeRegistrationInput",
    "ModelNodeRegistrationOutput",
    "ModelRegistrationResult",
    "ModelSearchQuery",
    "NodeRegistryService",
    "SearchAPI",
]

_SEARCH = {"EnumSortBy", "EnumSortOrder", "ModelSearchQuery", "SearchAPI"}

_HOMES = {name: "registry.enums" if name.startswith("Enum") else "registry.models" for name in __all__}
_HOMES.update(dict.fromkeys(_SEARCH, "registry.search_api"))
_HOMES["NodeRegistryService"] = "registry.service"


def __getattr__(name: str) -> object:
    if name not in _HOMES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module(_HOMES[name]), name)
