"""Schedules for those who run without the stream: each computes the window that has just ended."""

from collections.abc import Callable
from datetime import datetime, timedelta

import dagster as dg

from assets.names import TRIGGER_TAG, WINDOW_TAG, statistics_key
from assets.partitions import key_of
from pipelines.enums import EnumWindowType
from pipelines.windows import Window, window_of

#: Some minutes after the end of the window, so that its last events are in the lake; the longer windows later.
_CRONS = {
    EnumWindowType.HOURLY: "10 * * * *",
    EnumWindowType.DAILY: "20 0 * * *",
    EnumWindowType.WEEKLY: "30 0 * * 1",
    EnumWindowType.MONTHLY: "40 0 1 * *",
}


def statistics_schedule(window_type: EnumWindowType) -> dg.ScheduleDefinition:
    """Make the schedule of one window type. It is off until somebody turns it on: the stream makes it needless."""
    return dg.ScheduleDefinition(
        name=f"{window_type.value}_statistics_schedule",
        description=f"Compute the {window_type.value} window that has just ended (UTC).",
        target=dg.AssetSelection.assets(statistics_key(window_type)),
        cron_schedule=_CRONS[window_type],
        execution_timezone="UTC",
        execution_fn=_request(window_type),
        default_status=dg.DefaultScheduleStatus.STOPPED,
    )


def window_before(instant: datetime, window_type: EnumWindowType) -> Window:
    """Return the last window that had ended at an aware instant.

    >>> from datetime import UTC
    >>> window_before(datetime(2025, 3, 1, 0, 40, tzinfo=UTC), EnumWindowType.MONTHLY).start.isoformat()
    '2025-02-01T00:00:00+00:00'
    """
    current = window_of(instant, window_type)
    return window_of(current.start - timedelta(microseconds=1), window_type)


def _request(window_type: EnumWindowType) -> Callable[[dg.ScheduleEvaluationContext], dg.RunRequest]:
    def request(context: dg.ScheduleEvaluationContext) -> dg.RunRequest:
        key = key_of(window_before(context.scheduled_execution_time, window_type))
        tags = {TRIGGER_TAG: "schedule", WINDOW_TAG: window_type.value}
        return dg.RunRequest(run_key=key, partition_key=key, tags=tags)

    return request
