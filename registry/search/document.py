"""A node as the search sees it, and the texts by which it is found."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from typing import Any


class Field(StrEnum):
    """Where a word stands."""

    NAME = "name"
    CAPABILITY = "capability"
    DESCRIPTION = "description"
    METADATA = "metadata"


@dataclass(frozen=True, slots=True)
class NodeDocument:
    """A registered node.

    `capabilities` and `endpoints` are kept as they were registered. Times are in UTC; `last_heartbeat` is None if there
    was none.
    """

    node_id: str
    node_name: str
    node_type: str
    version: str
    capabilities: Sequence[Mapping[str, Any]] = ()
    endpoints: Any = field(default_factory=dict)
    health_status: str = "unknown"
    registered_at: datetime | None = None
    last_heartbeat: datetime | None = None
    metadata: Mapping[str, Any] = field(default_factory=dict)

    def capability_names(self) -> list[str]:
        """Return the names, each once, in their order."""
        return list(dict.fromkeys(str(capability["name"]) for capability in self.capabilities))


def texts(document: NodeDocument) -> Iterator[tuple[Field, str]]:
    """Yield the texts of a node, each with its field: the same for the index, highlights and explanations."""
    yield Field.NAME, document.node_name
    for capability in document.capabilities:
        yield Field.CAPABILITY, str(capability["name"])
        if capability.get("description"):
            yield Field.DESCRIPTION, str(capability["description"])
    yield Field.METADATA, document.node_type
    yield Field.METADATA, document.node_id
    yield from ((Field.METADATA, text) for text in metadata_texts(document.metadata))


def metadata_texts(metadata: Any) -> Iterator[str]:
    """Yield the keys and values of metadata, nested ones too; true, false and null say nothing.

    >>> list(metadata_texts({"author": "my-team", "tags": ["fast", 3], "beta": True}))
    ['author', 'my-team', 'tags', 'fast', '3', 'beta']
    """
    if isinstance(metadata, Mapping):
        for key, value in metadata.items():
            yield str(key)
            yield from metadata_texts(value)
    elif isinstance(metadata, list | tuple):
        for value in metadata:
            yield from metadata_texts(value)
    elif isinstance(metadata, str | int | float) and not isinstance(metadata, bool):
        yield str(metadata)


__all__ = ["Field", "NodeDocument", "metadata_texts", "texts"]
