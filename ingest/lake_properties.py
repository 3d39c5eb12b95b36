"""What a lake's tables are told about how long to keep what is old."""

from collections.abc import Mapping
from datetime import timedelta

#: Old versions are kept for so long unless a setting says otherwise.
RETENTION = timedelta(hours=6)


def retention_properties(retention: timedelta) -> Mapping[str, str]:
    """Return the table's properties that keep files, and the log that tells of them, for this long.

    The log must reach back as far as the files: a version is read through it. It must not reach back much further,
    since on a disk every commit lists it. The offsets (`txn`) have no time in `delta.setTransactionRetentionDuration`
    and are so kept for ever.

    >>> retention_properties(timedelta(days=7))["delta.logRetentionDuration"]
    'interval 168 hours'
    """
    hours = f"interval {-(-retention // timedelta(hours=1))} hours"
    return {
        "delta.deletedFileRetentionDuration": hours,
        "delta.logRetentionDuration": hours,
        "delta.enableExpiredLogCleanup": "true",
    }
