"""What events say of the lifecycle: each row of the table in docs/lifecycle.md, and whatever contradicts it."""

from typing import Any
from uuid import UUID, uuid5

import polars as pl
import pytest

from ingest.uuids import uuid5s
from pipelines.lifecycle.commands import TRANSITIONS
from pipelines.lifecycle.histories import Histories, histories
from tests.events import Event, completed, event, failed, frame, stage, started

WORKFLOW = "3398727c-4860-5937-ad53-09dc1c9e8025"


def at(minute: int, second: int = 0) -> str:
    """A time of that day."""
    return f"2025-10-24T12:{minute:02}:{second:02}"


def derived(*events: Event) -> Histories:
    """The histories of these events, all of one workflow."""
    return histories(frame(*({**row, "workflow_id": WORKFLOW} for row in events)).lazy())


def path(found: Histories, *, accepted: bool = True) -> list[tuple[Any, ...]]:
    """From, to, attempt and minute of the transitions."""
    rows = found.transitions.filter(pl.col("accepted") == accepted).sort("transition_timestamp", "transition_number")
    minute = pl.col("transition_timestamp").dt.minute()
    return rows.select("from_state", "to_state", "attempt", minute).rows()


def test_a_whole_attempt() -> None:
    """Started, stages and completed move it through all states, each at the time of the event that shows it."""
    found = derived(
        started(at=at(0)),
        *(stage(number, at=at(number)) for number in range(1, 7)),
        completed(at=at(9), node_type="effect", domain="api", correlation_id="c"),
    )
    assert path(found) == [
        ("PENDING", "ANALYZING", 1, 0),
        ("ANALYZING", "GENERATING", 1, 2),
        ("GENERATING", "VALIDATING", 1, 4),
        ("VALIDATING", "COMPLETED", 1, 9),
    ]
    assert found.transitions["reason"].null_count() == 4
    assert found.transitions["from_state_seconds"].to_list() == [0.0, 120.0, 120.0, 300.0]
    (workflow,) = found.workflows.to_dicts()
    assert (workflow["current_state"], workflow["previous_state"], workflow["transition_count"]) == (
        "COMPLETED", "VALIDATING", 4,
    )  # fmt: skip
    assert (workflow["is_terminal"], workflow["attempt"], workflow["correlation_id"]) == (True, 1, "c")
    assert workflow["metadata"] == '{"node_type":"effect","domain":"api"}'


@pytest.mark.parametrize(
    ("events", "states"),
    [
        ([started(at=at(0))], ["ANALYZING"]),
        ([stage(1, at=at(0))], ["ANALYZING"]),
        ([stage(2, at=at(0))], ["ANALYZING", "GENERATING"]),
        ([stage(3, at=at(0))], ["ANALYZING", "GENERATING"]),
        ([stage(4, at=at(0))], ["ANALYZING", "GENERATING", "VALIDATING"]),
        ([stage(8, at=at(0))], ["ANALYZING", "GENERATING", "VALIDATING"]),
        ([stage(4, at=at(0), stage_success=False)], ["ANALYZING"]),
        ([completed(at=at(0))], ["ANALYZING", "GENERATING", "VALIDATING", "COMPLETED"]),
        ([failed(at=at(0))], ["FAILED"]),
        ([started(at=at(0)), stage(2, at=at(1)), failed(at=at(2))], ["ANALYZING", "GENERATING", "FAILED"]),
    ],
)
def test_each_event_shows_a_state_to_be_reached(events: list[Event], states: list[str]) -> None:
    """Whatever lies before it is implied; a stage that failed reaches nothing."""
    assert [to for _, to, _, _ in path(derived(*events))] == states


def test_what_is_implied_says_so() -> None:
    """A completed event alone implies the three steps before it, but is itself told."""
    rows = derived(completed(at=at(0))).transitions
    assert rows["reason"].to_list() == ["implied by a later event"] * 3 + [None]
    assert rows["metadata"].to_list()[3].startswith('{"event_id":')


def test_retries_open_attempts() -> None:
    """A failed attempt is followed by a retry at the first event of the next."""
    found = derived(started(at=at(0)), failed(at=at(1)), started(at=at(3), attempt=2), completed(at=at(5), attempt=2))
    assert path(found)[:3] == [
        ("PENDING", "ANALYZING", 1, 0),
        ("ANALYZING", "FAILED", 1, 1),
        ("FAILED", "PENDING", 2, 3),
    ]
    assert found.workflows.select("current_state", "attempt", "transition_count").rows() == [("COMPLETED", 2, 7)]


def test_an_attempt_without_end_is_given_up_by_the_next() -> None:
    """The failure that nobody told is there, marked as a conflict."""
    found = derived(started(at=at(0)), started(at=at(3), attempt=2))
    assert path(found) == [
        ("PENDING", "ANALYZING", 1, 0),
        ("ANALYZING", "FAILED", 1, 3),
        ("FAILED", "PENDING", 2, 3),
        ("PENDING", "ANALYZING", 2, 3),
    ]
    conflicts = found.transitions.filter("conflict")
    assert conflicts.select("to_state", "accepted").rows() == [("FAILED", True)]
    assert "has no end" in conflicts["reason"].item()


def test_two_ends_are_a_conflict() -> None:
    """The first counts, the second is kept beside it, refused."""
    found = derived(started(at=at(0)), completed(at=at(5)), failed(at=at(7)))
    assert found.workflows["current_state"].to_list() == ["COMPLETED"]
    assert path(found, accepted=False) == [("COMPLETED", "FAILED", 1, 7)]
    assert found.transitions.filter(~pl.col("accepted"))["conflict"].all()
    late = derived(started(at=at(0)), completed(at=at(5)), failed(at=at(4)))
    assert late.workflows["current_state"].to_list() == ["FAILED"]
    assert ("FAILED", "COMPLETED", 1, 5) in path(late, accepted=False)


def test_nothing_follows_success() -> None:
    """An attempt after a completed one is refused, with its end."""
    found = derived(completed(at=at(1)), started(at=at(3), attempt=2), failed(at=at(5), attempt=2))
    assert found.workflows.select("current_state", "attempt").rows() == [("COMPLETED", 1)]
    assert path(found, accepted=False) == [("COMPLETED", "PENDING", 2, 3), ("COMPLETED", "FAILED", 2, 5)]


def test_stages_after_the_failure_are_refused() -> None:
    """They are shown as what they are: against the rules."""
    found = derived(started(at=at(0)), failed(at=at(1)), stage(2, at=at(2)), stage(4, at=at(3)))
    assert [to for _, to, _, _ in path(found)] == ["ANALYZING", "FAILED"]
    assert path(found, accepted=False) == [("FAILED", "GENERATING", 1, 2), ("FAILED", "VALIDATING", 1, 3)]


def test_order_and_copies_make_no_difference() -> None:
    """Any order, any event twice: the same rows and ids."""
    events = [
        started(at=at(0)),
        stage(2, at=at(1)),
        stage(4, at=at(2)),
        failed(at=at(3)),
        completed(at=at(9), attempt=2),
    ]
    once, twice = derived(*events), derived(*reversed(events), *events[1:4])
    assert once.workflows.equals(twice.workflows)
    assert once.transitions.sort("transition_id").equals(twice.transitions.sort("transition_id"))


def test_the_digest_tells_whether_events_say_anything_new() -> None:
    """Whatever changes the history changes it, and nothing else does."""
    known = [started(at=at(1)), stage(2, at=at(3)), failed(at=at(5)), completed(at=at(9), attempt=2)]
    first = stage(1, at=at(2))
    news = [
        *(started(at=at(minute), attempt=attempt) for minute, attempt in ((0, 1), (7, 2), (20, 3))),
        *(stage(number, at=at(minute)) for number, minute in ((2, 2), (4, 4), (4, 7))),
        *(failed(at=at(minute)) for minute in (4, 6)),
        completed(at=at(5)),
        stage(1, at=at(2), domain="api"),
    ]

    def digest(*events: Event) -> int:
        value: int = derived(*events).workflows["event_digest"].item()
        return value

    assert digest(*known) == digest(*reversed(known), *known, first)
    assert len({digest(*known), *(digest(*known, event) for event in news)}) == 1 + len(news)
    assert digest(*known, *news) == digest(*reversed(news), *known)
    # It is kept: another value would bring every archived workflow back.
    assert digest(completed(at=at(9), node_type="effect", domain="api")) == 4306660224144861928


def test_ids_stay_when_more_is_learnt() -> None:
    """A transition has the same id when a late event tells its time better."""
    before, after = derived(completed(at=at(5))), derived(started(at=at(0)), stage(4, at=at(3)), completed(at=at(5)))
    assert before.transitions["transition_id"].to_list() == after.transitions["transition_id"].to_list()
    assert path(before) != path(after)


def test_clocks_that_differ() -> None:
    """A retry that seems to begin before the failure is told right after it; no stay is negative."""
    found = derived(started(at=at(0)), failed(at=at(6)), started(at=at(4), attempt=2), completed(at=at(5), attempt=2))
    assert [minute for *_, minute in path(found)] == [0, 6, 6, 6, 6, 6, 6]
    assert (found.transitions["from_state_seconds"] >= 0).all()


def test_no_events() -> None:
    """Nothing comes of nothing."""
    found = histories(frame().lazy())
    assert (found.workflows.height, found.transitions.height) == (0, 0)


def test_many_workflows_do_not_mix() -> None:
    """Each workflow begins anew."""
    ids = [str(UUID(int=number)) for number in range(1, 4)]
    events = [event(kind, one, at=at(minute)) for minute, kind in ((0, "started"), (4, "failed")) for one in ids]
    found = histories(frame(*events).lazy())
    assert found.workflows["transition_count"].to_list() == [2, 2, 2]
    assert found.transitions["transition_id"].n_unique() == 6


def test_ids_are_those_of_uuid5() -> None:
    """Whoever knows the name can make the id."""
    names = ["a", "é/1", "", "x" * 300]
    for many in (names, names * 300):
        assert uuid5s(TRANSITIONS, pl.Series(many)).to_list() == [str(uuid5(TRANSITIONS, name)) for name in many]
