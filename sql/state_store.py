"""States of hours and days, from which large windows are merged: kept as bytes, which pipelines understands."""

from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime
from typing import NamedTuple
from uuid import UUID

from sql.connection import Connection
from sql.errors import database_errors
from sql.queries import query


class Span(NamedTuple):
    """A stretch of time that has a state: `hourly` or `daily`, and its start (aware)."""

    span: str
    start: datetime


class KeptState(NamedTuple):
    """A state, and the version of the lake that it is of."""

    lake_version: int
    state: bytes


class StateStore:
    """The table statistics_states, on one connection. Every method raises errors of `sql.errors`."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection

    def versions(self, lake_id: UUID | str, spans: Sequence[Span]) -> dict[Span, int]:
        """Return of which version of the lake the states are; what has no state is left out."""
        with database_errors():
            rows = self._connection.execute(query("get_state_versions"), _parameters(lake_id, spans))
            return {Span(span, start): version for span, start, version in rows}

    def read(self, lake_id: UUID | str, spans: Sequence[Span]) -> dict[Span, KeptState]:
        """Return the states; what has none is left out."""
        if not spans:
            return {}
        with database_errors():
            rows = self._connection.execute(query("get_states"), _parameters(lake_id, spans))
            return {Span(span, start): KeptState(version, bytes(state)) for span, start, version, state in rows}

    def keep(self, lake_id: UUID | str, lake_version: int, states: Mapping[Span, bytes]) -> None:
        """Put states in the place of those there."""
        of_lake = {"lake_id": lake_id, "lake_version": lake_version}
        rows = [
            {"span": span.span, "span_start": span.start, "state": state, **of_lake} for span, state in states.items()
        ]
        if rows:
            with database_errors(), self._connection.cursor() as cursor:
                cursor.executemany(query("keep_state"), rows)

    def forget_days(self, days: Iterable[datetime]) -> None:
        """Forget the states of these days, given by their starts, and of their hours."""
        given = list(days)
        if given:
            with database_errors():
                self._connection.execute(query("forget_states_of_days"), {"days": given})

    def forget_before(self, lake_id: UUID | str, start: datetime) -> None:
        """Forget the states of all that was before, and those of other lakes."""
        with database_errors():
            self._connection.execute(query("forget_states_before"), {"lake_id": lake_id, "start": start})

    def forget_all(self) -> None:
        """Forget every state."""
        with database_errors():
            self._connection.execute(query("forget_states"))


def _parameters(lake_id: UUID | str, spans: Sequence[Span]) -> dict[str, object]:
    return {
        "lake_id": lake_id,
        "spans": [span.span for span in spans],
        "span_starts": [span.start for span in spans],
    }


__all__ = ["KeptState", "Span", "StateStore"]
