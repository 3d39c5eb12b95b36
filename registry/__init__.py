"""The node registry. There are its models, its tables and the search; dual registration and health are still to come.

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
        ModelNodeIntrospection,
        ModelNodeQueryInput,
        ModelNodeRegistrationInput,
    )
    from registry.search_api import EnumSortBy, EnumSortOrder, ModelSearchQuery, SearchAPI

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
    "ModelNodeIntrospection",
    "ModelNodeQueryInput",
    "ModelNodeRegistrationInput",
    "ModelSearchQuery",
    "SearchAPI",
]

_SEARCH = {"EnumSortBy", "EnumSortOrder", "ModelSearchQuery", "SearchAPI"}

_HOMES = {name: "registry.enums" if name.startswith("Enum") else "registry.models" for name in __all__}
_HOMES.update(dict.fromkeys(_SEARCH, "registry.search_api"))


def __getattr__(name: str) -> object:
    if name not in _HOMES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module(_HOMES[name]), name)
