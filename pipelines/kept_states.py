"""States of days and hours, as they are kept in Postgres: read once, and made anew for what changed."""

from collections.abc import Collection, Mapping, Sequence
from datetime import datetime, timedelta

from pipelines.enums import EnumWindowType
from pipelines.mergeable import State, merged
from pipelines.state_bytes import from_bytes, to_bytes
from pipelines.windows import window_of, windows_between
from sql.metric_store import MetricStore
from sql.state_store import Span

_DAY = timedelta(days=1)


def day_of(hour: datetime) -> datetime:
    """Return the start of the hour's day; hour: in UTC."""
    return window_of(hour, EnumWindowType.DAILY).start


def daily(day: datetime) -> Span:
    """Return the span of a day, given by its start."""
    return Span("daily", day)


def hourly(hour: datetime) -> Span:
    """Return the span of an hour."""
    return Span("hourly", hour)


def hours_of(day: datetime) -> list[datetime]:
    """Return the hours of a day, all 24: days are those of UTC."""
    return [window.start for window in windows_between(day, day + _DAY, EnumWindowType.HOURLY)]


class KeptStates:
    """Reads the states of one lake, each once for each version that it is of."""

    def __init__(self) -> None:
        self._known: dict[Span, tuple[int, State]] = {}
        # By window type: of which spans and versions, and their state.
        self._together: dict[EnumWindowType, tuple[tuple[tuple[Span, int], ...], State]] = {}

    def look(
        self, store: MetricStore, lake_id: str, days: Mapping[datetime, Collection[datetime]]
    ) -> dict[Span, State]:
        """Return what is kept of some days, of which these hours have changed.

        Of a day without changes it is the day's state; of another one those of its other hours, and the day's as well,
        which tells that nothing else is missing. Of a day that has no state there is nothing.
        """
        with store.one_look() as states:
            versions = states.versions(lake_id, [daily(day) for day in days])
            others = [
                hourly(hour)
                for day, changed in days.items()
                if changed and daily(day) in versions
                for hour in hours_of(day)
                if hour not in changed
            ]
            versions |= states.versions(lake_id, others)
            stale = [span for span, version in versions.items() if self._version(span) != version]
            read = {
                span: (kept.lake_version, from_bytes(kept.state)) for span, kept in states.read(lake_id, stale).items()
            }
        # What is not asked for is let go of.
        known = self._known | read
        self._known = {span: known[span] for span in versions}
        return {span: state for span, (_, state) in self._known.items()}

    def together(self, window_type: EnumWindowType, spans: Sequence[Span]) -> State | None:
        """Return the state of spans that the last look returned, in windows of that type; None if there are none.

        It is mostly the same ones that are asked for: all days but today.
        """
        key = tuple((span, self._known[span][0]) for span in spans)
        if not key:
            return None
        known = self._together.get(window_type)
        if known is None or known[0] != key:
            known = key, merged((self._known[span][1] for span in spans), window_type)
            self._together[window_type] = known
        return known[1]

    def keep(self, store: MetricStore, lake_id: str, lake_version: int, states: Mapping[Span, State]) -> None:
        """Write states, in the transaction of the store."""
        with store.states() as kept:
            kept.keep(lake_id, lake_version, {span: to_bytes(state) for span, state in states.items()})
        # Whether they are there in the end, the next look at their versions tells.
        self._known |= {span: (lake_version, state) for span, state in states.items()}

    def _version(self, span: Span) -> int | None:
        known = self._known.get(span)
        return known[0] if known else None
