"""Which version of the lake brought which micro-batch, kept for longer than the lake's own log does."""

from collections.abc import Mapping
from datetime import timedelta
from uuid import UUID

from sql.connection import Connection
from sql.errors import database_errors
from sql.queries import query


class BatchStore:
    """The table lake_batches, on one connection. Every method raises errors of `sql.errors`."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection

    def note(self, lake_id: UUID | str, batches: Mapping[int, str]) -> None:
        """Note the micro-batches by their versions; what is noted already stays."""
        if batches:
            parameters = {"lake_id": lake_id, "versions": list(batches), "batch_ids": list(batches.values())}
            with database_errors():
                self._connection.execute(query("note_batches"), parameters)

    def begin(self, lake_id: UUID | str, lake_version: int) -> None:
        """Begin anew: what is in the lake at this version, and not noted, came with it or before."""
        with database_errors(), self._connection.transaction():
            self._connection.execute(query("forget_batches"), {"lake_id": lake_id, "lake_version": lake_version})
            self.note(lake_id, {lake_version: ""})

    def first_version(self, lake_id: UUID | str) -> int | None:
        """Return the version after which every micro-batch is noted, or None if nothing is."""
        with database_errors():
            row = self._connection.execute(query("get_first_noted_version"), {"lake_id": lake_id}).fetchone()
        return row[0] if row else None

    def after(self, lake_id: UUID | str, lake_version: int) -> list[str]:
        """Return the micro-batches that are noted to have come after a version."""
        with database_errors():
            parameters = {"lake_id": lake_id, "lake_version": lake_version}
            return [batch_id for (batch_id,) in self._connection.execute(query("get_batches_after"), parameters)]

    def expire(self, kept: timedelta) -> int:
        """Forget what was noted longer ago than that, and return how many; the latest of each lake stays."""
        with database_errors(), self._connection.transaction():
            return self._connection.execute(query("expire_batches"), {"kept": kept}).rowcount


__all__ = ["BatchStore"]
