"""Windows: UTC, half-open, weeks from Monday, calendar months."""

from datetime import UTC, datetime, timedelta, timezone

import polars as pl
import pytest

from pipelines.enums import EnumWindowType
from pipelines.windows import Window, window_end, window_of, window_start, windows_between, windows_over

HOURLY, DAILY, WEEKLY, MONTHLY = EnumWindowType


def at(text: str) -> datetime:
    return datetime.fromisoformat(text).replace(tzinfo=UTC)


@pytest.mark.parametrize(
    ("window_type", "instant", "start", "end"),
    [
        (HOURLY, "2025-10-24T10:59:59.999999", "2025-10-24T10:00", "2025-10-24T11:00"),
        (HOURLY, "2025-10-24T11:00", "2025-10-24T11:00", "2025-10-24T12:00"),
        (HOURLY, "2025-12-31T23:30", "2025-12-31T23:00", "2026-01-01"),
        (DAILY, "2024-02-29T12:00", "2024-02-29", "2024-03-01"),
        (DAILY, "2025-03-30T01:30", "2025-03-30", "2025-03-31"),  # 23 hours long in Europe, 24 here
        (WEEKLY, "2025-10-26T23:59", "2025-10-20", "2025-10-27"),
        (WEEKLY, "2025-10-27", "2025-10-27", "2025-11-03"),
        (WEEKLY, "2021-01-03T12:00", "2020-12-28", "2021-01-04"),  # ISO week 53 of 2020
        (MONTHLY, "2024-02-29T23:59", "2024-02-01", "2024-03-01"),
        (MONTHLY, "2025-02-28T23:59", "2025-02-01", "2025-03-01"),
        (MONTHLY, "2025-12-31T23:59", "2025-12-01", "2026-01-01"),
    ],
)
def test_an_instant_is_in_one_window(window_type: EnumWindowType, instant: str, start: str, end: str) -> None:
    """The window of an instant begins and ends where the calendar says, in Python and in Polars alike."""
    window = window_of(at(instant), window_type)
    assert (window.start, window.end) == (at(start), at(end))

    frame = pl.DataFrame({"t": [at(instant)]})
    columns = [window_start(pl.col("t"), window_type).alias("start"), window_end(pl.col("t"), window_type).alias("end")]
    assert frame.select(columns).row(0) == (at(start), at(end))


@pytest.mark.parametrize(
    ("window_type", "start"),
    [(HOURLY, "2025-10-24T10:30"), (DAILY, "2025-10-24T01:00"), (WEEKLY, "2025-10-24"), (MONTHLY, "2025-10-02")],
)
def test_a_window_starts_on_a_boundary(window_type: EnumWindowType, start: str) -> None:
    """A start between two boundaries is refused."""
    with pytest.raises(ValueError, match="no start of a window"):
        Window(window_type, at(start))


def test_a_window_knows_its_time_zone() -> None:
    """A naive start is refused, and one of another zone is the same window in UTC."""
    with pytest.raises(ValueError, match="no time zone"):
        Window(HOURLY, datetime(2025, 10, 24))  # noqa: DTZ001
    elsewhere = datetime(2025, 10, 24, 2, tzinfo=timezone(timedelta(hours=2)))
    assert Window(DAILY, elsewhere) == Window(DAILY, at("2025-10-24"))


def test_windows_over_hours_are_distinct_and_sorted() -> None:
    """Hours of two days, given in any order, lie in those two days."""
    hours = [at("2025-10-25T01:00"), at("2025-10-24T23:00"), at("2025-10-25T00:00")]
    assert [window.start for window in windows_over(hours, DAILY)] == [at("2025-10-24"), at("2025-10-25")]
    assert windows_over([], DAILY) == []


def test_windows_between_are_those_that_share_an_instant() -> None:
    """The end is not part of the range; a window that only begins at it is left out."""
    assert [w.start for w in windows_between(at("2025-10-24T10:30"), at("2025-10-24T12:00"), HOURLY)] == [
        at("2025-10-24T10:00"),
        at("2025-10-24T11:00"),
    ]
    assert len(windows_between(at("2024-01-01"), at("2025-01-01"), MONTHLY)) == 12
    assert len(windows_between(at("2024-01-01"), at("2025-01-01"), DAILY)) == 366
    assert windows_between(at("2025-10-24"), at("2025-10-24"), HOURLY) == []
