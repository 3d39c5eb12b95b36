"""When a micro-batch is full."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class MicroBatchPolicy:
    """One micro-batch is one commit; it ends by rows, bytes or age, whichever comes first."""

    max_rows: int = 50_000
    max_bytes: int = 64 * 1024 * 1024
    max_age_seconds: float = 0.5

    def is_due(self, *, rows: int, size: int, age_seconds: float) -> bool:
        """Tell whether a micro-batch of this many rows and bytes and of this age is to be committed.

        >>> MicroBatchPolicy().is_due(rows=1, size=250, age_seconds=0.6)
        True
        >>> MicroBatchPolicy().is_due(rows=0, size=0, age_seconds=60.0)
        False
        """
        full = rows >= self.max_rows or size >= self.max_bytes
        return full or (rows > 0 and age_seconds >= self.max_age_seconds)
