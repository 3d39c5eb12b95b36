"""Which files are merged with which, from the log alone."""

from datetime import UTC, datetime, timedelta

from hypothesis import given
from hypothesis import strategies as st

from ingest.compaction_plan import CompactionPolicy, DataFile, plan

POLICY = CompactionPolicy(max_rows=1000, max_bytes=100_000)
DAY = datetime(2025, 10, 24, tzinfo=UTC)


def files(*rows: int, partition: str = "2025-10-24") -> list[DataFile]:
    return [
        DataFile(f"{partition}/{place}", partition, count, count, DAY + timedelta(minutes=place))
        for place, count in enumerate(rows)
    ]


def merged(found: list[tuple[DataFile, ...]]) -> list[list[int]]:
    return [[file.rows for file in group] for group in found]


def test_few_files_are_left_alone() -> None:
    """Three small files are not worth a commit, four are."""
    assert plan(files(1, 1, 1), POLICY) == []
    assert merged(plan(files(1, 1, 1, 1), POLICY)) == [[1, 1, 1, 1]]


def test_a_large_file_waits_until_the_small_ones_are_as_many() -> None:
    """A file of 400 rows is not written again for a handful, but is once there are as many in the others."""
    assert merged(plan(files(400, 1, 1, 1, 1), POLICY)) == [[1, 1, 1, 1]]
    assert merged(plan(files(400, 100, 100, 100, 100), POLICY)) == [[400, 100, 100, 100, 100]]


def test_full_files_and_other_partitions_stay_apart() -> None:
    """More than half of the largest size is full; files of two days are never merged; the latest day comes first."""
    found = plan([*files(501, 5, 5, 5, 5), *files(7, 7, 7, 7, partition="2025-10-25")], POLICY)
    assert merged(found) == [[7, 7, 7, 7], [5, 5, 5, 5]]


def test_groups_follow_the_time() -> None:
    """Files that do not fit into one are cut in the order of their times."""
    found = plan(files(*[300] * 7), POLICY)
    assert [[file.path for file in group] for group in found] == [
        [f"2025-10-24/{place}" for place in places] for places in ([0, 1, 2], [3, 4, 5])
    ]


@given(st.lists(st.integers(0, 1500), max_size=60))
def test_merging_ends_with_few_files_and_never_too_large(rows: list[int]) -> None:
    """Repeated until nothing is due: no row is lost, no merged file is too large, few small files remain."""
    live, rounds = files(*rows), 0
    while groups := plan(live, POLICY):
        gone = {file.path for group in groups for file in group}
        assert sum(map(len, groups)) == len(gone)
        new = [
            DataFile(f"m{rounds}-{n}", "2025-10-24", total, total, group[0].first)
            for n, group in enumerate(groups)
            for total in [sum(file.rows for file in group)]
        ]
        assert all(file.rows <= POLICY.max_rows for file in new)
        live, rounds = [file for file in live if file.path not in gone] + new, rounds + 1
        assert rounds < 40
    assert sum(file.rows for file in live) == sum(rows)
    assert sum(not POLICY.is_full(file) for file in live) <= 14
