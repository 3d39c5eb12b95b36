"""Gaps in the lake: kept with their range, once, and never what another writer has brought."""

from collections.abc import Iterable
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

import polars as pl
import pytest

from ingest.errors import Fenced
from ingest.gaps import Gap, GapReason, gap_between
from ingest.lake import Lake, open_lake
from ingest.micro_batch import Advance, MicroBatch
from ingest.schema import DEAD_LETTERS, EVENTS
from tests.lakes import PLACE, micro_batch, read_dead_letters

NOW = datetime(2025, 12, 1, tzinfo=UTC)


@pytest.fixture
def lake(tmp_path: Path) -> Lake:
    """A lake that ends at offset 10."""
    made = open_lake(str(tmp_path / "lake"))
    made.append(micro_batch(0, good=8, bad=2))
    return made


def closing(gap: Gap, wanted: int) -> MicroBatch:
    """What ingest commits for a gap."""
    advances = {gap.place: Advance(wanted, gap.resume_at)}
    return MicroBatch("gap", EVENTS.to_frame(), DEAD_LETTERS.to_frame(), advances, [gap])


def ranges(gaps: pl.DataFrame) -> Iterable[tuple[int, int, str]]:
    return gaps.select("first_offset", "next_offset", "reason").rows()


@pytest.mark.parametrize(
    ("wanted", "expected"),
    [
        (9, (9, 10, GapReason.RETENTION)),
        (10, None),
        (20, None),
        (21, (20, 21, GapReason.TRUNCATED)),
    ],
)
def test_what_is_missing_follows_from_the_ends(wanted: int, expected: tuple[int, int, GapReason] | None) -> None:
    """Below the oldest offset retention has passed, above the end Kafka has lost messages; else all is there."""
    gap = gap_between(PLACE, wanted, 10, 20, NOW)
    assert (gap and (gap.first_offset, gap.next_offset, gap.reason)) == expected


def test_passed_messages_move_the_offset_and_are_kept_once(lake: Lake) -> None:
    """A gap is a row and an offset; a second try after a crash between the two adds no second row."""
    gap = Gap(PLACE, 10, 25, GapReason.RETENTION, NOW)
    lake._append_gaps(closing(gap, 10))
    open_lake(lake.url).append(closing(gap, 10))

    again = open_lake(lake.url)
    assert ranges(again.gaps()) == [(10, 25, "retention")]
    assert again.next_offset(PLACE) == 25
    again.append(replace(micro_batch(25, good=1), advances={PLACE: Advance(25, 26)}))


def test_what_another_writer_has_brought_is_no_gap(lake: Lake) -> None:
    """A writer that stood still takes for gone what another one has read before it went: it is refused, and told so."""
    stale = open_lake(lake.url)
    lake.append(micro_batch(10, good=30))

    with pytest.raises(Fenced):
        stale.append(closing(Gap(PLACE, 10, 25, GapReason.RETENTION, NOW), 10))
    assert lake.gaps().is_empty()


def test_messages_in_the_place_of_lost_ones_are_new(lake: Lake) -> None:
    """Where Kafka lost what the lake has and goes on from before it, the new messages come in beside the old ones."""
    lake.append(closing(Gap(PLACE, 6, 10, GapReason.TRUNCATED, NOW), 10))
    assert lake.next_offset(PLACE) == 6

    other = micro_batch(6, good=0, bad=2, name="other")
    letters = other.dead_letters.with_columns(value=pl.lit(b"another"))
    lake.append(replace(other, dead_letters=letters))

    assert ranges(lake.gaps()) == [(6, 10, "truncated")]
    assert read_dead_letters(lake.url)["value"].to_list().count(b"another") == 2


def test_topic_that_is_gone_leaves_its_offset_alone(lake: Lake) -> None:
    """What was unread of a topic that is no more is told; should it come back, it is read from where it was."""
    gap = Gap(PLACE, 10, 40, GapReason.TOPIC_REPLACED, NOW)
    lake.append(MicroBatch("gone", EVENTS.to_frame(), DEAD_LETTERS.to_frame(), {}, [gap]))
    assert ranges(lake.gaps()) == [(10, 40, "topic_replaced")]
    assert lake.next_offset(PLACE) == 10


def test_log_that_was_cut_behind_an_idle_writer(lake: Lake, tmp_path: Path) -> None:
    """A writer that has not looked for so long that its part of the log is gone goes on once it has looked again."""
    idle = open_lake(lake.url)
    for number in range(5):
        lake.append(micro_batch(10 + number, good=1))
    lake._events.create_checkpoint()
    for entry in sorted(Path(lake.events_url, "_delta_log").glob("*.json"))[:-1]:
        entry.unlink()

    assert idle.find(micro_batch(15, good=1)) is None
    idle.append(micro_batch(15, good=1))
    assert open_lake(lake.url).next_offset(PLACE) == 16
