"""An event counts once, however often it was delivered."""

from datetime import UTC, datetime

import polars as pl
import pytest

from pipelines.deduplicate import distinct_events
from tests.events import completed, frame, started

LATE = datetime(2025, 10, 25, tzinfo=UTC)


def test_the_same_event_twice_counts_once() -> None:
    """A redelivery at a later offset leaves one row: the earlier one."""
    twice = frame(completed(event_id="e", offset=7), completed(event_id="e", offset=3), started(event_id="s"))
    assert distinct_events(twice).sort("event_id").select("event_id", "offset").rows() == [("e", 3), ("s", 2)]


@pytest.mark.parametrize(
    ("first", "second"),
    [
        ({"at": "2025-10-24T10:00:00", "ingested_at": LATE}, {"at": "2025-10-24T10:00:01"}),
        ({"topic": "b"}, {"topic": "a", "ingested_at": LATE}),
        ({"topic": "a"}, {"topic": "b"}),
        ({"topic": "a"}, {"topic": None}),
        ({"partition": 0, "offset": 9}, {"partition": 1, "offset": 1}),
        ({"offset": 1}, {"offset": 2}),
    ],
)
def test_of_copies_that_differ_the_first_is_kept(first: dict[str, object], second: dict[str, object]) -> None:
    """Event time, arrival, topic, partition and offset decide in this order, and not the order of the rows."""
    one, other = (
        completed(event_id="e", **(facts | {"tokens": number}))  # type: ignore[arg-type]
        for number, facts in enumerate((first, second), start=1)
    )
    for rows in ((one, other), (other, one)):
        assert distinct_events(frame(*rows))["tokens"].to_list() == [1]


def test_lazy_frames_stay_lazy() -> None:
    """A lazy frame gives a lazy frame with the same columns."""
    events = frame(started())
    distinct = distinct_events(events.lazy())
    assert isinstance(distinct, pl.LazyFrame)
    assert distinct.collect().equals(events)
