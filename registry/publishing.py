"""Who tells others of changes."""

from collections.abc import Callable, Mapping, Sequence
from threading import Event
from typing import Protocol

from registry.events import NodeEvent


class Publisher(Protocol):
    """Publishes messages in the background. Whether they arrive never stops or slows what they tell of."""

    def publish(self, events: Sequence[NodeEvent]) -> None:
        """Take messages, and send them soon."""

    def follow(self, handle: Callable[[Sequence[bytes]], None], stop: Event) -> None:
        """Hand on what nodes say about themselves, until told to stop."""

    def status(self) -> Mapping[str, int]:
        """Return how many messages were published, and lost."""

    def close(self) -> None:
        """Send what waits, if that is possible soon."""


__all__ = ["Publisher"]
