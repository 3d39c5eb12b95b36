"""Generated events: late, doubled, reordered, contradictory, half unknown, and close to every boundary."""

from datetime import UTC, datetime, timedelta
from decimal import Decimal
from math import nextafter

import polars as pl
from hypothesis import strategies as st

from tests.events import Event, event, frame

#: Starts of hours, days, weeks and months: leap days, week 53, years' ends, and when Europe and the US change clocks.
BOUNDARIES = [
    datetime(2024, 2, 29, tzinfo=UTC),
    datetime(2024, 3, 1, tzinfo=UTC),
    datetime(2020, 12, 28, tzinfo=UTC),
    datetime(2021, 1, 1, tzinfo=UTC),
    datetime(2021, 1, 4, tzinfo=UTC),
    datetime(2025, 3, 30, 1, tzinfo=UTC),
    datetime(2025, 10, 26, 1, tzinfo=UTC),
    datetime(2025, 11, 2, 6, tzinfo=UTC),
    datetime(2025, 9, 1, tzinfo=UTC),
]
AS_OF = datetime(2025, 11, 3, 6, tzinfo=UTC)

_STEPS = [timedelta(0), timedelta(microseconds=-1), timedelta(microseconds=1), timedelta(minutes=30), timedelta(days=1)]
_near_boundaries = st.builds(
    lambda boundary, step: boundary + step, st.sampled_from(BOUNDARIES), st.sampled_from(_STEPS)
)
_anywhen = st.datetimes(datetime(2025, 10, 27), datetime(2025, 11, 3, 6), timezones=st.just(UTC))  # noqa: DTZ001
instants = st.one_of(_near_boundaries, _anywhen)

_seconds = st.one_of(st.sampled_from([0.0, -0.0, 0.1, 0.2, 2.5, 1e-9, 3e8]), st.floats(0, 1e5))
_edges = [0.0, 0.6, 0.8, 1.0, nextafter(0.6, 0), nextafter(0.8, 0), nextafter(0.8, 1)]
_scores = st.one_of(st.sampled_from(_edges), st.floats(0, 1))
_money = st.one_of(
    st.sampled_from([Decimal(0), Decimal("0.1"), Decimal("0.2"), Decimal("0.000000001"), Decimal(1_000_000)]),
    st.decimals(0, 100, places=9),
)
_node_types = st.sampled_from([None, None, "effect", "compute", "reducer"])
_domains = st.sampled_from([None, None, "api", "ml", "données"])
_stages = st.sampled_from([None, "validation", "validation", 'a "quoted" \\ name', "prüfung"])
_KINDS = ["started", "stage_completed", "completed", "completed", "failed"]


@st.composite
def lake_events(draw: st.DrawFn) -> Event:
    """One event of few workflows, with few identities: so that identities collide and terminals conflict."""
    kind = draw(st.sampled_from(_KINDS))
    at = draw(instants)
    facts = {
        "event_id": draw(st.sampled_from("abcdefghijklmnopqrstuvwxyzABCDEFGH")),
        "node_type": draw(_node_types),
        "domain": draw(_domains),
        "primary_model": draw(st.sampled_from([None, "m1", "m2"])),
        "ingested_at": at + timedelta(hours=draw(st.integers(0, 50))),
        "partition": draw(st.integers(0, 2)),
    }
    if kind != "started":
        facts |= {"tokens": draw(st.none() | st.integers(0, 10**12)), "cost_usd": draw(st.none() | _money)}
        facts["duration_seconds"] = draw(st.none() | _seconds)
    if kind == "stage_completed":
        facts["stage_name"] = draw(_stages)
        facts["stage_number"] = draw(st.sampled_from([None, 1, 2]))
        facts["stage_success"] = draw(st.sampled_from([None, True, True, False]))
    if kind == "completed":
        facts["quality_score"] = draw(st.none() | _scores)
    workflow_id = draw(st.sampled_from(["w1", "w2", "w3", "w4"]))
    return event(kind, workflow_id, at=at, attempt=draw(st.integers(1, 3)), **facts)


def frames(max_size: int = 30) -> st.SearchStrategy[pl.DataFrame]:
    """Frames of the lake's events."""
    return st.lists(lake_events(), max_size=max_size).map(lambda events: frame(*events))
