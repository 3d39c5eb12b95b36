"""Dagster's partitions are our windows."""

from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from assets.partitions import key_of, partitions_of, window_of_key, windows_of_keys
from pipelines.enums import EnumWindowType
from pipelines.windows import Window, window_of, windows_between

FIRST = datetime(2024, 1, 1, tzinfo=UTC)

instants = st.timedeltas(timedelta(0), timedelta(days=50_000)).map(lambda age: datetime(1970, 1, 1, tzinfo=UTC) + age)
window_types = st.sampled_from(list(EnumWindowType))


@given(instants, window_types)
def test_a_key_leads_back_to_its_window(instant: datetime, window_type: EnumWindowType) -> None:
    """Key and window say the same."""
    window = window_of(instant, window_type)
    assert window_of_key(window_type, key_of(window)) == window


@pytest.mark.parametrize("window_type", list(EnumWindowType))
def test_dagster_cuts_time_as_we_do(window_type: EnumWindowType) -> None:
    """Over a year and more, with a leap day, both changes of the clocks, and a week over the turn of the year."""
    partitions = partitions_of(window_type, FIRST)
    now = datetime(2025, 4, 7, 5, 30, tzinfo=UTC)
    keys = partitions.get_partition_keys(current_time=now)
    assert [window_of_key(window_type, key) for key in keys] == windows_between(FIRST, now, window_type)
    for key in keys:
        dagsters, ours = partitions.time_window_for_partition_key(key), window_of_key(window_type, key)
        assert (dagsters.start, dagsters.end) == (ours.start, ours.end)


@pytest.mark.parametrize("window_type", list(EnumWindowType))
def test_the_window_that_is_not_over_is_a_partition(window_type: EnumWindowType) -> None:
    """The stream keeps it fresh, so that it has to be on the map."""
    now = datetime(2025, 3, 30, 1, 30, tzinfo=UTC)
    keys = partitions_of(window_type, FIRST).get_partition_keys(current_time=now)
    assert keys[-1] == key_of(window_of(now, window_type))


def test_weeks_begin_on_monday() -> None:
    """Dagster's own would begin on Sunday."""
    keys = partitions_of(EnumWindowType.WEEKLY, datetime(2025, 1, 1, tzinfo=UTC)).get_partition_keys(
        current_time=datetime(2025, 1, 15, tzinfo=UTC)
    )
    assert keys == ["2024-12-30", "2025-01-06", "2025-01-13"]


def test_months_are_the_calendars() -> None:
    """Of 29, 31, 30 days."""
    windows = windows_of_keys(EnumWindowType.MONTHLY, ["2024-04-01", "2024-02-01", "2024-03-01"])
    assert [(window.end - window.start).days for window in windows] == [29, 31, 30]


@pytest.mark.parametrize(("day", "hours"), [("2025-03-30", 24), ("2025-10-26", 24)])
def test_a_day_on_which_clocks_change_elsewhere_has_24_hours(day: str, hours: int) -> None:
    """Time is UTC, whatever the clocks of Berlin do."""
    start = datetime.fromisoformat(day).replace(tzinfo=UTC)
    berlin = ZoneInfo("Europe/Berlin")
    assert start.astimezone(berlin).utcoffset() != (start + timedelta(days=1)).astimezone(berlin).utcoffset()
    window = window_of_key(EnumWindowType.DAILY, day)
    assert len(windows_between(window.start, window.end, EnumWindowType.HOURLY)) == hours
    keys = [key_of(hour) for hour in windows_between(window.start, window.end, EnumWindowType.HOURLY)]
    partitions = partitions_of(EnumWindowType.HOURLY, FIRST)
    assert [key for key in partitions.get_partition_keys(current_time=window.end) if key.startswith(day)] == keys


@pytest.mark.parametrize(
    ("window_type", "key"), [("weekly", "2025-01-01"), ("monthly", "2025-01-02"), ("hourly", "2025-01-01")]
)
def test_a_key_that_names_no_window_is_refused(window_type: str, key: str) -> None:
    """A Wednesday begins no week, the second no month, and a day is no hour."""
    with pytest.raises(ValueError, match=r"no start of a window|does not match"):
        window_of_key(EnumWindowType(window_type), key)


def test_a_window_at_any_offset_has_the_key_of_its_utc_time() -> None:
    """The key does not depend on how the start was written."""
    berlin = Window(EnumWindowType.HOURLY, datetime(2025, 7, 1, 2, tzinfo=ZoneInfo("Europe/Berlin")))
    assert key_of(berlin) == "2025-07-01-00:00"
