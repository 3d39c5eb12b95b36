"""Who is known to be away is not waited for."""

from threading import Lock


class Breaker:
    """A circuit breaker: from a failure on nobody waits for Consul, until the relay has seen it answer again.

    >>> breaker = Breaker()
    >>> breaker.note_failure()
    >>> breaker.is_open
    True
    >>> breaker.note_success(), breaker.note_success()  # the first tells that it has come back
    (True, False)
    """

    def __init__(self) -> None:
        self._lock = Lock()
        self._is_open = False

    @property
    def is_open(self) -> bool:
        """Tell whether it is away as far as we know."""
        return self._is_open

    def note_failure(self) -> None:
        """It did not answer."""
        self._is_open = True

    def note_success(self) -> bool:
        """It answered; return True if it had been away."""
        with self._lock:
            was_open, self._is_open = self._is_open, False
        return was_open


__all__ = ["Breaker"]
