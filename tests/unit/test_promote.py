"""An unknown field becomes a column: for every writer from then on, with old files still readable."""

from dataclasses import replace
from pathlib import Path

import polars as pl
import pytest
from deltalake import DeltaTable

from ingest.decode import Decoder
from ingest.errors import Fenced
from ingest.fields import unknown_fields
from ingest.kinds import EventKind, topics_of
from ingest.lake import Lake, open_lake
from ingest.micro_batch import Advance, Change, MicroBatch
from ingest.promote import promote, promoted_fields, with_field
from ingest.schema import EVENTS
from omninode.errors import BadInput
from pipelines.compute import rows_of
from pipelines.dirty import all_hours, windows_of
from pipelines.snapshot import snapshot_of
from tests.lakes import PLACE, read_events
from tests.messages import ENVIRONMENT, GUIDE, NOW, PRODUCERS, batch, value

_COMPLETED = [dialect[EventKind.COMPLETED] for dialect in (GUIDE, PRODUCERS)]


@pytest.fixture
def lake(tmp_path: Path) -> Lake:
    return open_lake(str(tmp_path / "lake"))


def micro_batch(first: int, *teams: object) -> MicroBatch:
    """Messages of both dialects in turn with an unknown field `team`."""
    values = [value(_COMPLETED[place % 2] | {"team": team}) for place, team in enumerate(teams)]
    decoded = Decoder(topics_of(ENVIRONMENT)).decode(
        batch(values, first_offset=first), now=NOW, batch_id=f"batch-{first}"
    )
    assert decoded.dead_letters.is_empty()
    return MicroBatch(
        f"batch-{first}", decoded.events, decoded.dead_letters, {PLACE: Advance(first or None, first + len(teams))}
    )


def teams(lake: Lake, column: str = "team") -> list[object]:
    """What a column says, in the order of the offsets."""
    lake.refresh()
    events = lake.read().events
    return events.sort("offset").select(column).collect().to_series().to_list()


def test_new_rows_have_the_column_and_old_ones_are_null(lake: Lake) -> None:
    """The column is filled in both dialects from the promotion on; a reader gets old and new rows alike."""
    lake.append(micro_batch(0, "a", "b"))
    assert promote(lake, "team", "text")
    lake.append(micro_batch(2, "c", "d"))

    assert teams(lake) == [None, None, "c", "d"]
    everything = with_field(lake.read().events, "team").sort("offset").collect()
    assert everything["team"].to_list() == ["a", "b", "c", "d"]
    assert with_field(read_events(lake.url), "team")["team"].null_count() == 0
    assert promoted_fields(open_lake(lake.url)) == {"team": "text"}


def test_value_that_does_not_fit_stays_in_extra(lake: Lake) -> None:
    """A value of another type is null in the column, and can be read from `extra` in its own type."""
    promote(lake, "team", "text")
    lake.append(micro_batch(0, "a", 7, None))

    assert teams(lake) == ["a", None, None]
    numbers = with_field(lake.read().events, "team", pl.Int64).sort("offset").collect()
    assert numbers["team"].to_list() == [None, 7, None]


def test_writer_that_is_older_than_the_promotion_notices(lake: Lake) -> None:
    """A writer that has the table open is refused once; when it has looked again it fills the column, too."""
    older = open_lake(lake.url)
    promote(lake, "team", "text")
    with pytest.raises(Fenced):
        older.append(micro_batch(0, "a"))
    older.refresh()
    older.append(micro_batch(0, "a"))
    lake.refresh()
    lake.append(micro_batch(1, "b"))
    assert teams(lake) == ["a", "b"]


def test_two_promotions_at_once(lake: Lake) -> None:
    """Two processes that promote at the same time both succeed: the same field once, different ones both."""
    other = open_lake(lake.url)
    assert promote(lake, "team", "text")
    assert not promote(other, "team", "text")
    stale = open_lake(lake.url)
    assert promote(lake, "build", "integer")
    assert promote(stale, "share", "number")
    lake.refresh()
    assert promoted_fields(lake) == {"team": "text", "build": "integer", "share": "number"}


def test_promotion_beside_appends(lake: Lake) -> None:
    """A table object that has not seen the latest appends can still promote."""
    other = open_lake(lake.url)
    lake.append(micro_batch(0, "a"))
    other.add_column("team", pl.String())
    lake.refresh()
    lake.append(micro_batch(1, "b"))
    assert teams(lake) == [None, "b"]


def test_compaction_joins_old_and_new_files(lake: Lake) -> None:
    """Files from before and after a promotion become one, with every value in its row."""
    for first in range(3):
        lake.append(micro_batch(first, f"team {first}"))
    promote(lake, "team", "text")
    for first in range(3, 6):
        lake.append(micro_batch(first, f"team {first}"))
    DeltaTable(lake.events_url).optimize.compact()

    assert teams(lake) == [None, None, None, "team 3", "team 4", "team 5"]
    found = with_field(lake.read().events, "team").sort("offset").collect()["team"].to_list()
    assert found == [f"team {number}" for number in range(6)]


def test_statistics_and_changes_do_not_mind(lake: Lake) -> None:
    """Whatever name a promoted field has, the statistics are the same, and the promotion is no change of an hour."""
    lake.append(micro_batch(0, "a", "b"))
    before = snapshot_of(lake)
    names = ["outcome", "started_at", "trusted", "window_start", "instant", "row", "readmitted_at"]
    for name in names:
        promote(lake, name, "number")
    lake.append(micro_batch(2))
    after = snapshot_of(lake)

    as_of = NOW
    windows = windows_of(all_hours(before))
    assert rows_of(after, windows, as_of=as_of).equals(rows_of(before, windows, as_of=as_of))
    assert lake.changes_since(1) == [Change(2 + len(names), "batch-2", ())]


@pytest.mark.parametrize("name", ["", "a b", "a-b", "7up", "a.b", 'a"b', "ünï", "x" * 64, "a\n"])
def test_name_that_is_no_identifier_is_refused(lake: Lake, name: str) -> None:
    """A column has a plain name."""
    with pytest.raises(BadInput, match="cannot name a column"):
        promote(lake, name, "text")


@pytest.mark.parametrize("name", ["kind", "EXTRA", "offset", "readmitted_from", "Team"])
def test_name_that_is_taken_is_refused(lake: Lake, name: str) -> None:
    """No column is made anew, not even in other letters: some readers do not tell them apart."""
    promote(lake, "team", "text")
    told = r"is a column of the events already|differs from column '(extra|team)' by capitals"
    with pytest.raises(BadInput, match=told):
        promote(lake, name, "text")
    assert list(read_events(lake.url).columns) == [*EVENTS, "team"]


def test_another_type_is_refused(lake: Lake) -> None:
    """A second promotion changes nothing: the same is no error, another type is one."""
    promote(lake, "team", "text")
    assert not promote(lake, "team", "text")
    with pytest.raises(BadInput, match="was promoted as text"):
        promote(lake, "team", "integer")
    with pytest.raises(BadInput, match="use text, integer, number, boolean"):
        promote(lake, "other", "date")


def test_all_types_are_columns_of_their_own(lake: Lake) -> None:
    """Each of the four types is kept in the log and comes back."""
    for name, field_type in {"t": "text", "i": "integer", "n": "number", "b": "boolean"}.items():
        promote(lake, name, field_type)
    bare = micro_batch(0, "a")
    lake.append(replace(bare, events=bare.events.with_columns(extra=pl.lit('{"t":"x","i":1,"n":1.5,"b":true}'))))
    assert read_events(lake.url).select("t", "i", "n", "b").rows() == [("x", 1, 1.5, True)]


def test_unknown_fields_are_listed(lake: Lake) -> None:
    """Each unknown field is listed with its events, kinds, types and times, the most frequent first."""
    lake.append(micro_batch(0, "a", 1, None))
    (found,) = unknown_fields(lake)
    guides, producers = (time for time in sorted(read_events(lake.url)["event_time"].unique(), reverse=True))
    assert (found.name, found.count, found.kinds, found.types) == (
        "team",
        3,
        {"completed"},
        {"text", "number", "null"},
    )
    assert (found.first_seen, found.last_seen) == (producers, guides)
