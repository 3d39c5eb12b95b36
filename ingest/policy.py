"""When a micro-batch is full, and how long a part that fails is waited for."""

from dataclasses import dataclass
from math import inf


@dataclass(frozen=True, slots=True)
class MicroBatchPolicy:
    """One micro-batch is one commit; it ends by rows, bytes or age, whichever comes first."""

    max_rows: int = 40_000
    max_bytes: int = 64 * 1024 * 1024
    max_age_seconds: float = 0.4

    def is_due(self, *, rows: int, size: int, age_seconds: float) -> bool:
        """Tell whether a micro-batch of this many rows and bytes and of this age is to be committed.

        >>> MicroBatchPolicy().is_due(rows=1, size=250, age_seconds=0.6)
        True
        >>> MicroBatchPolicy().is_due(rows=0, size=0, age_seconds=60.0)
        False
        """
        full = rows >= self.max_rows or size >= self.max_bytes
        return full or (rows > 0 and age_seconds >= self.max_age_seconds)


@dataclass(frozen=True, slots=True)
class RetryPolicy:
    """How a lake that cannot be written is tried again: after ever longer pauses, until it has had its time."""

    #: A lake that has failed for this long is given up, and the error raised.
    give_up_seconds: float = 10.0
    first_pause_seconds: float = 0.2
    longest_pause_seconds: float = 5.0

    @property
    def is_endless(self) -> bool:
        """Whether a lake, or a Kafka, that is away is waited for, for good."""
        return self.give_up_seconds == inf

    def pause_seconds(self, failures: int) -> float:
        """Return how long to wait after this many failures in a row.

        >>> [RetryPolicy().pause_seconds(failures) for failures in (1, 2, 3, 50)]
        [0.2, 0.4, 0.8, 5.0]
        """
        return min(self.first_pause_seconds * 2.0 ** min(failures - 1, 30), self.longest_pause_seconds)


#: For a process that is to run for good: a full disk is waited for, not fled from.
NEVER_GIVE_UP = RetryPolicy(give_up_seconds=inf)
