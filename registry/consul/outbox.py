"""Where what is owed to Consul is kept: the table of `sql.outbox_store`, or nowhere."""

from collections.abc import Sequence
from datetime import timedelta
from typing import Protocol

from sql.outbox_store import Claimed, Sent


class Outbox(Protocol):
    """See `sql.outbox_store.OutboxStore`."""

    def registry_id(self) -> str: ...
    def claim(self, *, limit: int, lease: timedelta) -> list[Claimed]: ...
    def settle(self, sent: Sequence[Sent]) -> None: ...
    def postpone(self, claimed: Sequence[Claimed], seconds: Sequence[float], error: str) -> None: ...
    def mark(self, node_ids: Sequence[str]) -> None: ...


class NoOutbox:
    """The outbox of a registry in memory: whoever owes keeps it himself."""

    def registry_id(self) -> str:
        """Return who this registry is: all those in memory are one, so that a process started again gets its nodes."""
        return "memory"

    def claim(self, *, limit: int, lease: timedelta) -> list[Claimed]:
        """There is nothing."""
        return []

    def settle(self, sent: Sequence[Sent]) -> None:
        """There is nothing to settle."""

    def postpone(self, claimed: Sequence[Claimed], seconds: Sequence[float], error: str) -> None:
        """There is nothing to put off."""

    def mark(self, node_ids: Sequence[str]) -> None:
        """There are no rows."""


__all__ = ["NoOutbox", "Outbox"]
