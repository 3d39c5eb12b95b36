"""A generation is one attempt of a workflow: what its events say of it."""

from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

import pytest

from pipelines.generations import generations
from pipelines.schema import GENERATIONS
from tests.events import Event, completed, failed, frame, stage, started


def attempts_of(*events: Event) -> list[dict[str, Any]]:
    return generations(frame(*events).lazy()).collect().sort("workflow_id", "attempt").to_dicts()


def attempt_of(*events: Event) -> dict[str, Any]:
    (attempt,) = attempts_of(*events)
    return attempt


def test_a_successful_generation() -> None:
    """Start, stages and end of an attempt make one row of all its facts."""
    assert attempt_of(
        started(at="2025-10-24T10:00:00", node_type="effect", domain="api"),
        stage(1, at="2025-10-24T10:00:01", tokens=100, cost_usd=Decimal("0.01")),
        completed(
            at="2025-10-24T10:00:02", node_type="effect", domain="api", primary_model="m", duration_seconds=2.5,
            quality_score=0.88, tokens=1200, cost_usd=Decimal("0.12"),
        ),
    ) == {
        "workflow_id": "w1",
        "attempt": 1,
        "node_type": "effect",
        "domain": "api",
        "primary_model": "m",
        "started_at": datetime(2025, 10, 24, 10, tzinfo=UTC),
        "ended_at": datetime(2025, 10, 24, 10, 0, 2, tzinfo=UTC),
        "outcome": "completed",
        "is_final": True,
        "duration_seconds": 2.5,
        "quality_score": 0.88,
        "quality_bucket": "high",
        "tokens": 1200,
        "cost_usd": Decimal("0.12"),
        "conflicting_terminal_events": 0,
    }  # fmt: skip


def test_each_attempt_is_a_generation() -> None:
    """A retry after a failure is a second row of the same workflow."""
    rows = attempts_of(failed(attempt=1, duration_seconds=3.0), completed(attempt=2, duration_seconds=4.0))
    assert [(row["attempt"], row["outcome"], row["duration_seconds"]) for row in rows] == [
        (1, "failed", 3.0),
        (2, "completed", 4.0),
    ]


def test_the_first_terminal_event_wins() -> None:
    """Later terminal events of an attempt change no fact and are counted; redelivered ones are not."""
    row = attempt_of(
        failed(at="2025-10-24T10:00:02", tokens=2, event_id="late"),
        completed(at="2025-10-24T10:00:01", tokens=3, quality_score=0.1, event_id="second"),
        completed(at="2025-10-24T10:00:01", tokens=1, quality_score=0.7, event_id="first"),
        completed(at="2025-10-24T10:00:01", tokens=1, quality_score=0.7, event_id="first", offset=99),
    )
    assert (row["outcome"], row["tokens"], row["quality_bucket"]) == ("completed", 1, "medium")
    assert row["conflicting_terminal_events"] == 2


def test_of_ends_at_the_same_time_the_smaller_id_is_first() -> None:
    """The order of the rows does not decide which of two simultaneous ends wins."""
    ends = [completed(event_id="a", tokens=1), failed(event_id="b", tokens=2)]
    assert attempt_of(*ends) == attempt_of(*reversed(ends))
    assert attempt_of(*ends)["outcome"] == "completed"


def test_an_unfinished_attempt_has_no_end() -> None:
    """Without a terminal event there is neither end nor outcome; what its stages spent is known."""
    row = attempt_of(started(node_type="effect"), stage(1, tokens=5))
    assert row["started_at"] is not None
    assert (row["ended_at"], row["outcome"], row["tokens"], row["quality_bucket"]) == (None, None, 5, "unscored")
    assert attempt_of(stage(1))["started_at"] is None


def test_the_earliest_start_counts() -> None:
    """Of two started events the earlier one is the start."""
    row = attempt_of(started(at="2025-10-24T10:00:05"), started(at="2025-10-24T10:00:00"))
    assert row["started_at"] == datetime(2025, 10, 24, 10, tzinfo=UTC)


@pytest.mark.parametrize("name", ["node_type", "domain", "primary_model"])
def test_a_missing_name_is_taken_from_the_nearest_event(name: str) -> None:
    """The end's own word, else the attempt's earliest, else the workflow's earliest, else unknown."""
    elsewhere = started(attempt=1, at="2025-10-24T09:00:00", **{name: "of the workflow"})
    later = stage(2, attempt=2, at="2025-10-24T10:00:02", **{name: "of a later event"})
    earlier = stage(1, attempt=2, at="2025-10-24T10:00:01", **{name: "of the attempt"})
    mute = failed(attempt=2, at="2025-10-24T10:00:03")

    def named(*events: Event) -> str | None:
        value: str | None = attempts_of(*events)[-1][name]
        return value

    assert named(elsewhere, later, earlier, mute | {name: "its own"}) == "its own"
    assert named(elsewhere, later, earlier, mute) == "of the attempt"
    assert named(elsewhere, mute) == "of the workflow"
    assert named(mute) == (None if name == "primary_model" else "unknown")
    assert named(started("another", **{name: "of another workflow"}), mute) == named(mute)


def test_spend_is_the_ends_total_else_the_sum_of_stages() -> None:
    """Tokens and cost fall back to the known stages each on its own; nothing known is null, not 0."""
    stages = [stage(1, tokens=10, cost_usd=Decimal("0.1")), stage(2, tokens=20, cost_usd=Decimal("0.2")), stage(3)]
    assert attempt_of(*stages, failed(tokens=7))["tokens"] == 7
    assert attempt_of(*stages, failed(tokens=0))["tokens"] == 0
    row = attempt_of(*stages, failed(tokens=7))
    assert row["cost_usd"] == Decimal("0.3")
    assert attempt_of(*stages, failed())["tokens"] == 30
    row = attempt_of(stage(1), failed())
    assert (row["tokens"], row["cost_usd"]) == (None, None)
    other_attempt = attempts_of(stage(1, attempt=1, tokens=10), failed(attempt=2))[1]
    assert other_attempt["tokens"] is None


@pytest.mark.parametrize(
    ("score", "bucket"),
    [
        (0.0, "low"),
        (0.5999999, "low"),
        (0.6, "medium"),
        (0.7999999, "medium"),
        (0.8, "high"),
        (1.0, "high"),
        (None, "unscored"),
    ],
)
def test_quality_buckets_hold_their_lower_bound(score: float | None, bucket: str) -> None:
    """Low ends before .6 and medium before .8; high holds 1."""
    assert attempt_of(completed(quality_score=score))["quality_bucket"] == bucket


def test_a_failure_is_unscored() -> None:
    """A score on a failed event is no quality of a generation."""
    row = attempt_of(failed(quality_score=0.9))
    assert (row["quality_score"], row["quality_bucket"]) == (None, "unscored")


def test_no_events_are_no_generations() -> None:
    """An empty lake gives an empty frame of the same columns."""
    empty = generations(frame().lazy()).collect()
    assert empty.is_empty()
    assert empty.schema == GENERATIONS
