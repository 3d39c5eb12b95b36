"""When the UI may make statistics by itself, and how old they may become: by name."""

from datetime import timedelta
from typing import Any

import dagster as dg

from assets.names import statistics_key
from pipelines.enums import EnumWindowType

#: A day, week or month follows when one of its hours was made anew, however late that hour is: `eager` would see to the
#: latest window only. It is made from the events all the same, so the hours are no dependency; the UI would warn of
#: those that nobody has made. The stream makes all four at once; then there is nothing left to ask for.
LATE_HOURS = (
    dg.AutomationCondition.asset_matches(
        statistics_key(EnumWindowType.HOURLY), dg.AutomationCondition.newly_updated()
    ).since(dg.AutomationCondition.newly_requested() | dg.AutomationCondition.newly_updated())
    & ~dg.AutomationCondition.in_progress()
).with_label("late_hours")

#: The hours of the last day that nobody has made. What comes for earlier ones is repaired by the sensor.
MISSING_HOURS = (
    dg.AutomationCondition.in_latest_time_window(timedelta(days=1))
    & dg.AutomationCondition.missing()
    & ~dg.AutomationCondition.in_progress()
).with_label("missing_hours")

_WARN = {
    EnumWindowType.HOURLY: timedelta(hours=2),
    EnumWindowType.DAILY: timedelta(days=1, hours=2),
    EnumWindowType.WEEKLY: timedelta(days=7, hours=2),
    EnumWindowType.MONTHLY: timedelta(days=31, hours=2),
}


def condition(window_type: EnumWindowType) -> dg.AutomationCondition[Any]:
    """Return the condition of a window type. It acts only where Dagster's automation sensor is turned on."""
    return MISSING_HOURS if window_type is EnumWindowType.HOURLY else LATE_HOURS


def freshness(window_type: EnumWindowType) -> dg.FreshnessPolicy:
    """Warn when none of the windows was made for a window's length and two hours; fail at twice that."""
    warn = _WARN[window_type]
    return dg.FreshnessPolicy.time_window(fail_window=2 * warn, warn_window=warn)
