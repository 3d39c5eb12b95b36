"""Dagster's partitions and our windows: the same stretches of time, in UTC, with weeks from Monday."""

from collections.abc import Iterable
from datetime import UTC, datetime

import dagster as dg

from pipelines.enums import EnumWindowType
from pipelines.windows import Window, window_of

_DAY = "%Y-%m-%d"
_FORMATS = {
    EnumWindowType.HOURLY: "%Y-%m-%d-%H:%M",
    EnumWindowType.DAILY: _DAY,
    EnumWindowType.WEEKLY: _DAY,
    EnumWindowType.MONTHLY: _DAY,
}
_CRONS = {
    EnumWindowType.HOURLY: "0 * * * *",
    EnumWindowType.DAILY: "0 0 * * *",
    EnumWindowType.WEEKLY: "0 0 * * 1",
    EnumWindowType.MONTHLY: "0 0 1 * *",
}


def partitions_of(window_type: EnumWindowType, first_day: datetime) -> dg.TimeWindowPartitionsDefinition:
    """Return the partitions of a window type from the window that holds `first_day` to the one that holds now.

    The window that is not over yet is a partition, too: the stream keeps its row fresh.
    """
    start = window_of(first_day, window_type).start
    return dg.TimeWindowPartitionsDefinition(
        start=start,
        fmt=_FORMATS[window_type],
        cron_schedule=_CRONS[window_type],
        timezone="UTC",
        end_offset=1,
    )


def key_of(window: Window) -> str:
    """Return the key of a window's partition.

    >>> key_of(Window(EnumWindowType.HOURLY, datetime(2025, 10, 24, 10, tzinfo=UTC)))
    '2025-10-24-10:00'
    """
    return window.start.strftime(_FORMATS[window.window_type])


def window_of_key(window_type: EnumWindowType, key: str) -> Window:
    """Return the window of a partition. Raises ValueError for a key that names none.

    >>> window_of_key(EnumWindowType.WEEKLY, "2025-10-20").end.isoformat()
    '2025-10-27T00:00:00+00:00'
    """
    return Window(window_type, datetime.strptime(key, _FORMATS[window_type]).replace(tzinfo=UTC))


def windows_of_keys(window_type: EnumWindowType, keys: Iterable[str]) -> list[Window]:
    """Return the windows of some partitions, in order of time."""
    return sorted(window_of_key(window_type, key) for key in keys)
