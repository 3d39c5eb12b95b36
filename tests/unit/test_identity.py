"""Identities derived for events whose producer gave none."""

from uuid import uuid5

import polars as pl
from hypothesis import given
from hypothesis import strategies as st

from ingest.identity import NAMESPACE, with_identity
from ingest.schema import EVENTS
from tests.events import frame, stage, started


@given(st.lists(st.tuples(st.none() | st.text(max_size=5), st.none() | st.integers(0, 9), st.booleans()), max_size=20))
def test_derived_identity_is_uuid5(told: list[tuple[str | None, int | None, bool]]) -> None:
    """An identity is the standard library's uuid5 of workflow, kind, attempt, stage and time; a given one is kept."""
    rows = [
        stage(1) | {"stage_name": name, "stage_number": number, "event_id": "given" if given_id else None}
        for name, number, given_id in told
    ]
    identified = with_identity(frame(*rows))

    epoch = 1_761_307_200_000_000
    assert identified["event_id"].to_list() == [
        "given"
        if given_id
        else str(uuid5(NAMESPACE, f"w1|stage_completed|1|{'' if number is None else number}|{name or ''}|{epoch}"))
        for name, number, given_id in told
    ]
    assert identified.schema == EVENTS


def test_same_event_twice_has_one_identity_and_other_events_have_others() -> None:
    """A redelivered event has the same identity; another workflow, kind, attempt, stage or time has another."""
    events = frame(
        started(),
        started(),
        started("w2"),
        started(attempt=2),
        started(at="2025-10-24T12:00:00.000001"),
        stage(1),
        stage(2),
    ).with_columns(event_id=pl.lit(None, dtype=pl.String))

    identities = with_identity(events)["event_id"].to_list()

    assert identities[0] == identities[1]
    assert len(set(identities)) == 6
