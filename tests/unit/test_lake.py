"""The lake keeps rows and offsets together: each message once, whoever writes."""

from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

import polars as pl
import pytest
from deltalake import DeltaTable
from hypothesis import given, settings
from hypothesis import strategies as st

from ingest.errors import Fenced, LakeFailure
from ingest.lake import Lake, open_lake
from ingest.micro_batch import Advance, Change
from ingest.partition_id import PartitionId
from ingest.schema import DEAD_LETTERS, EVENTS
from tests.events import completed, started
from tests.lakes import PLACE, append_rows, micro_batch, read_dead_letters, read_events

HOUR = datetime(2025, 10, 24, 12, tzinfo=UTC)


@pytest.fixture
def url(tmp_path: Path) -> str:
    return str(tmp_path / "lake")


@pytest.fixture
def lake(url: str) -> Lake:
    return open_lake(url)


def offsets(rows: pl.DataFrame) -> list[int]:
    return sorted(rows["offset"].to_list())


def test_new_lake_is_empty(lake: Lake) -> None:
    """A lake that was just made has no rows, no offsets, and the tables' schemas."""
    assert (lake.version, lake.next_offset(PLACE)) == (0, None)
    assert read_events(lake.url).schema == EVENTS
    assert read_dead_letters(lake.url).schema == DEAD_LETTERS


def test_rows_and_offsets_come_together(lake: Lake) -> None:
    """A micro-batch brings its events, its dead letters and the offset to go on from; a new object sees the same."""
    change = lake.append(micro_batch(0, good=3, bad=2))

    assert change == Change(1, "batch-0", (HOUR,))
    assert (offsets(read_events(lake.url)), offsets(read_dead_letters(lake.url))) == ([0, 1, 2], [3, 4])
    assert lake.next_offset(PLACE) == open_lake(lake.url).next_offset(PLACE) == 5


def test_batch_of_dead_letters_moves_on(lake: Lake) -> None:
    """A micro-batch without a single event is committed too: its messages are not read again."""
    assert lake.append(micro_batch(0, good=0, bad=4)).hours == ()
    assert lake.next_offset(PLACE) == 4
    assert lake.append(micro_batch(4, good=1)).version == 2
    assert (offsets(read_events(lake.url)), offsets(read_dead_letters(lake.url))) == ([4], [0, 1, 2, 3])


def test_stale_writer_is_refused_by_the_log(lake: Lake) -> None:
    """A writer that has not seen another's commit cannot commit the same offsets."""
    stale = open_lake(lake.url)
    lake.append(micro_batch(0, good=2, bad=1))

    with pytest.raises(Fenced):
        stale.append(micro_batch(0, good=3, bad=0, name="mine"))
    with pytest.raises(Fenced):
        stale.append(micro_batch(0, good=1, bad=2, name="mine"))
    assert (offsets(read_events(lake.url)), offsets(read_dead_letters(lake.url))) == ([0, 1], [2])


def test_refreshed_writer_is_refused_by_its_offset(lake: Lake) -> None:
    """A writer that has seen another's commit is refused what it fetched before, and goes on from there."""
    other = open_lake(lake.url)
    lake.append(micro_batch(0, good=2))
    other.refresh()

    with pytest.raises(Fenced):
        other.append(micro_batch(0, good=3))
    assert other.next_offset(PLACE) == 2
    other.append(micro_batch(2, good=1))
    assert offsets(read_events(lake.url)) == [0, 1, 2]


def test_gap_is_refused(lake: Lake) -> None:
    """A micro-batch that does not continue where the lake ends is refused, forwards and backwards."""
    lake.append(micro_batch(0, good=2))
    for first in (0, 1, 3):
        with pytest.raises(Fenced):
            lake.append(micro_batch(first, good=1))
    assert offsets(read_events(lake.url)) == [0, 1]


def test_writers_of_other_partitions_do_not_disturb(lake: Lake) -> None:
    """Two writers of different partitions commit side by side."""
    other = open_lake(lake.url)
    lake.append(micro_batch(0, good=1))
    other.append(micro_batch(0, good=1, place=PLACE._replace(partition=4), name="other"))
    assert read_events(lake.url).height == 2


def test_one_stale_partition_refuses_the_whole_batch(lake: Lake) -> None:
    """Of a micro-batch that reads two partitions nothing is kept if another writer has moved on one of them."""
    other = open_lake(lake.url)
    other.append(micro_batch(0, good=1))
    second = PLACE._replace(partition=4)
    both = replace(micro_batch(0, good=2), advances={PLACE: Advance(None, 1), second: Advance(None, 1)})

    with pytest.raises(Fenced):
        lake.append(both)
    lake.refresh()
    assert (read_events(lake.url).height, lake.next_offset(second)) == (1, None)


def test_another_cluster_starts_from_nothing(lake: Lake) -> None:
    """A new cluster counts its offsets from 0: the old one's do not stand in its way."""
    lake.append(micro_batch(0, good=2))
    fresh = PLACE._replace(cluster="another")

    assert lake.next_offset(fresh) is None
    lake.append(micro_batch(0, good=2, place=fresh))
    assert offsets(read_events(lake.url)) == [0, 0, 1, 1]
    assert (lake.next_offset(PLACE), lake.next_offset(fresh)) == (2, 2)


def test_dead_letters_are_not_doubled_by_a_second_try(lake: Lake) -> None:
    """If the commit of the events fails after that of the dead letters, the next try, longer by then, adds the rest."""
    stale, batch = open_lake(lake.url), micro_batch(0, good=1, bad=2)
    stale._append_dead_letters(batch)
    assert (read_events(lake.url).height, lake.next_offset(PLACE)) == (0, None)

    again = open_lake(lake.url)
    again.append(micro_batch(0, good=1, bad=4))

    assert (offsets(read_events(lake.url)), offsets(read_dead_letters(lake.url))) == ([0], [1, 2, 3, 4])


def test_dead_letters_of_a_shorter_second_try_are_not_doubled(lake: Lake) -> None:
    """After a crash between the two commits the messages may come back in smaller batches: none is doubled or lost."""
    open_lake(lake.url)._append_dead_letters(micro_batch(0, good=0, bad=6))

    again = open_lake(lake.url)
    again.append(micro_batch(0, good=0, bad=2))
    again.append(micro_batch(2, good=0, bad=3))
    again.append(micro_batch(5, good=0, bad=4))

    assert offsets(read_dead_letters(lake.url)) == list(range(9))
    assert again.next_offset(PLACE) == 9


@settings(max_examples=12, deadline=None)
@given(st.data())
def test_crashes_anywhere_keep_every_message_once(
    tmp_path_factory: pytest.TempPathFactory, data: st.DataObject
) -> None:
    """Writers that die before, between and after the commits, and start again, leave each message exactly once."""
    url = str(tmp_path_factory.mktemp("lake"))
    kinds = data.draw(st.lists(st.booleans(), min_size=1, max_size=12), label="is bad")
    lake, dies = open_lake(url), 6
    while (first := lake.next_offset(PLACE) or 0) < len(kinds):
        size = data.draw(st.integers(1, len(kinds) - first), label="batch")
        taken = kinds[first : first + size]
        batch = micro_batch(first, good=taken.count(False), bad=taken.count(True))
        # The good ones come first in a batch made by hand, so let the offsets tell which is which.
        batch = replace(
            batch,
            events=_at(batch.events, [first + place for place, bad in enumerate(taken) if not bad]),
            dead_letters=_at(batch.dead_letters, [first + place for place, bad in enumerate(taken) if bad]),
        )
        match data.draw(st.sampled_from(["between", "before", "no"]), label="dies") if dies else "no":
            case "between":
                lake._append_dead_letters(batch)
                lake, dies = open_lake(url), dies - 1
            case "before":
                lake, dies = open_lake(url), dies - 1
            case _:
                lake.append(batch)
    assert offsets(read_events(url)) == [place for place, bad in enumerate(kinds) if not bad]
    assert offsets(read_dead_letters(url)) == [place for place, bad in enumerate(kinds) if bad]


def _at(rows: pl.DataFrame, places: list[int]) -> pl.DataFrame:
    return rows.with_columns(pl.Series("offset", places, dtype=pl.Int64))


def test_changes_tell_batches_and_hours_in_order(lake: Lake) -> None:
    """What came after a version is told oldest first, with the hours of its events."""
    append_rows(lake, [started(at="2025-10-24T10:59:59.999999"), completed(at="2025-10-24T11:00:00")], name="first")
    append_rows(lake, [started(at="1969-12-31T23:30:00")], name="second")

    first = Change(1, "first", (datetime(2025, 10, 24, 10, tzinfo=UTC), datetime(2025, 10, 24, 11, tzinfo=UTC)))
    second = Change(2, "second", (datetime(1969, 12, 31, 23, tzinfo=UTC),))
    assert lake.changes_since(0) == [first, second]
    assert lake.changes_since(1) == [second]
    assert lake.changes_since(2) == lake.changes_since(9) == []
    assert open_lake(lake.url).changes_since(0) == [first, second]


def test_compaction_is_no_change(lake: Lake) -> None:
    """Rewriting small files moves the version on and changes no hour."""
    for number in range(3):
        append_rows(lake, [started()], name=f"batch {number}")
    DeltaTable(lake.events_url).optimize.compact()

    changes = lake.changes_since(0)
    assert changes is not None
    assert (lake.version, [change.batch_id for change in changes]) == (4, ["batch 0", "batch 1", "batch 2"])
    assert lake.changes_since(3) == []


def test_appending_goes_on_after_compaction_and_checkpoint(lake: Lake) -> None:
    """A writer that stays open sees its offsets through another's compaction and checkpoint."""
    lake.append(micro_batch(0, good=1))
    lake.append(micro_batch(1, good=1))
    maintenance = DeltaTable(lake.events_url)
    maintenance.optimize.compact()
    maintenance.create_checkpoint()

    lake.append(micro_batch(2, good=1))

    assert offsets(read_events(lake.url)) == [0, 1, 2]
    assert open_lake(lake.url).next_offset(PLACE) == 3


def test_log_that_does_not_reach_back_says_so(lake: Lake) -> None:
    """When the log's beginning was cleaned away, nobody is told that these were all the changes."""
    for number in range(4):
        append_rows(lake, [started()], name=f"batch {number}")
    table = DeltaTable(lake.events_url)
    table.create_checkpoint()
    for version in range(3):
        Path(lake.events_url, "_delta_log", f"{version:020}.json").unlink()

    fresh = open_lake(lake.url)

    assert fresh.changes_since(0) is None
    recent = fresh.changes_since(3)
    assert recent is not None
    assert [change.batch_id for change in recent] == ["batch 3"]


def test_lake_has_an_id_of_its_own(lake: Lake, tmp_path: Path) -> None:
    """Two lakes have two ids; the same lake opened again has the same."""
    assert open_lake(lake.url).lake_id == lake.lake_id
    assert open_lake(str(tmp_path / "other")).lake_id != lake.lake_id


@pytest.mark.parametrize("beneath", ["", "/deeper/down"])
def test_place_that_is_a_file_gives_one_clear_line(tmp_path: Path, beneath: str) -> None:
    """A file where the lake should be is named, with the setting to change."""
    file = tmp_path / "file"
    file.write_text("in the way")
    with pytest.raises(LakeFailure, match=r"^lake .*file.*; set OMNINODE_LAKE to a place that can be used$") as failed:
        open_lake(f"{file}{beneath}")
    assert "\n" not in str(failed.value)


def test_unknown_kind_of_store_gives_one_clear_line() -> None:
    """A URL of no store we know is named."""
    with pytest.raises(LakeFailure, match=r"^lake bogus://x: .*OMNINODE_LAKE") as failed:
        open_lake("bogus://x")
    assert "\n" not in str(failed.value)


def test_lake_that_went_away_gives_one_clear_line(lake: Lake) -> None:
    """A lake that can no longer be read or written is named, with what to look at."""
    for table in ("events", "dead_letters"):
        folder = Path(lake.url, table)
        folder.rename(folder.with_name(f"{table}-gone"))
        folder.write_text("in the way")
    with pytest.raises(LakeFailure, match=r"^lake .*check the folder's space and rights") as failed:
        lake.append(micro_batch(0, good=1, bad=1))
    assert "\n" not in str(failed.value)


def test_partition_is_named_by_cluster_topic_and_number() -> None:
    """The name in the log tells the three apart."""
    assert PartitionId("c", "t", 0).app_id == "c/t/0"


def test_writers_keep_the_log_short(lake: Lake, url: str) -> None:
    """Every hundred versions whoever writes leaves a checkpoint, and entries past their time go; the offsets stay."""
    table = DeltaTable(lake.events_url)
    table.alter.set_table_properties({"delta.logRetentionDuration": "interval 0 hours"})
    lake.refresh()
    log = Path(lake.events_url, "_delta_log")
    while lake.version < 200:
        lake.append(micro_batch(lake.next_offset(PLACE) or 0, good=1))
        assert len(list(log.glob("*.json"))) <= 202

    assert max(path.name[:20] for path in log.glob("*.checkpoint.parquet")) == f"{200:020}"
    assert len(list(log.glob("*.json"))) < 150
    assert open_lake(url).next_offset(PLACE) == read_events(url).height == lake.next_offset(PLACE)
