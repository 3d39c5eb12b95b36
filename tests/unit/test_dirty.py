"""Which windows a change of the lake touches."""

from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from ingest.lake import Lake, open_lake
from pipelines.dirty import all_hours, dirty_hours, newly_abandoned_hours, windows_of
from pipelines.enums import EnumWindowType
from pipelines.snapshot import snapshot_of
from tests.events import completed, failed, stage, started
from tests.lakes import append_rows


@pytest.fixture
def lake(tmp_path: Path) -> Lake:
    return open_lake(str(tmp_path / "lake"))


def hour(day: int, number: int) -> datetime:
    return datetime(2025, 10, day, number, tzinfo=UTC)


def dirty_since(lake: Lake, version: int) -> set[datetime]:
    changes = lake.changes_since(version)
    assert changes is not None
    return dirty_hours(snapshot_of(lake), changes)


def test_new_events_make_their_own_hours_dirty(lake: Lake) -> None:
    """What starts and ends makes its hours dirty; nobody else's."""
    append_rows(lake, [started("old", at="2025-10-20T01:00:00"), completed("old", at="2025-10-20T02:00:00")], name="a")
    append_rows(lake, [started("new", at="2025-10-24T10:59:59.999999")], name="b")
    append_rows(lake, [completed("new", at="2025-10-24T11:00:00")], name="c")

    assert dirty_since(lake, 1) == {hour(24, 10), hour(24, 11)}
    assert all_hours(snapshot_of(lake)) == {hour(20, 1), hour(20, 2), hour(24, 10), hour(24, 11)}


def test_late_stage_makes_the_hours_of_its_workflow_dirty(lake: Lake) -> None:
    """A stage decides nothing where it stands, but it may change the tokens of the end, in another hour."""
    append_rows(lake, [started(at="2025-10-23T22:00:00"), failed(at="2025-10-24T01:00:00")], name="a")
    append_rows(lake, [stage(1, at="2025-10-23T23:30:00")], name="b")
    assert dirty_since(lake, 1) == {hour(23, 22), hour(24, 1)}


def test_no_change_makes_nothing_dirty(lake: Lake) -> None:
    """Without a change, and without any event in it, no hour is dirty."""
    assert dirty_hours(snapshot_of(lake), []) == set()
    append_rows(lake, [], name="dead letters only")
    assert dirty_since(lake, 0) == set()


def test_hours_in_which_unfinished_generations_became_abandoned() -> None:
    """Between two times those hours are dirty whose generations have been open for a day since; none the first time."""
    then = hour(24, 10)
    assert newly_abandoned_hours(None, then) == set()
    assert newly_abandoned_hours(then, then) == set()
    assert newly_abandoned_hours(then, then + timedelta(hours=2)) == {hour(23, 10), hour(23, 11)}


def test_windows_of_all_lengths_hold_the_hours() -> None:
    """Each dirty hour is in one window of each length; hours of one day share the longer ones."""
    windows = windows_of([hour(31, 23), hour(31, 22), hour(31, 23)])
    assert {kind: len(found) for kind, found in windows.items()} == {
        EnumWindowType.HOURLY: 2,
        EnumWindowType.DAILY: 1,
        EnumWindowType.WEEKLY: 1,
        EnumWindowType.MONTHLY: 1,
    }
