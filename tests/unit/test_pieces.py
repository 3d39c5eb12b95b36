"""Statistics of a long history, computed piece by piece."""

from datetime import UTC, datetime
from pathlib import Path

from pipelines.compute import attempts_of, rows_from, rows_of
from pipelines.dirty import all_hours, windows_of
from pipelines.pieces import pieces
from pipelines.snapshot import snapshot_of
from tests.benchmarks.lakes import make_lake

END = datetime(2025, 10, 1, tzinfo=UTC)


def test_pieces_give_what_the_whole_gives(tmp_path: Path) -> None:
    """Half a year in pieces has the rows that all events at once have."""
    snapshot = snapshot_of(make_lake(tmp_path / "lake", days=180, events_per_day=24, end=END))
    windows = windows_of(all_hours(snapshot))
    assert len(list(pieces(windows))) > 2
    whole = rows_from(attempts_of(snapshot.events()), windows, as_of=END)
    assert rows_of(snapshot, windows, as_of=END).equals(whole)
