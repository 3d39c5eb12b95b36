"""What this process has registered, for its own answers and for Prometheus."""

from threading import Lock

from prometheus_client import CollectorRegistry, Histogram

_SECONDS = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10)


class RegistrationCounters:
    """Counts registrations since this process began, those of nodes that are there already too.

    With a Prometheus registry the time of each is on its `registration_duration_seconds`.
    """

    def __init__(self, prometheus: CollectorRegistry | None = None) -> None:
        self._lock = Lock()
        self.successful = 0
        self.failed = 0
        self._duration = Histogram(
            "registration_duration_seconds",
            "Time that a registration took; of many at once, the share of each",
            buckets=_SECONDS,
            registry=prometheus,
        )

    def note(self, *, successful: int, failed: int, seconds: float) -> None:
        """Count what came of one call and the time it took."""
        with self._lock:
            self.successful += successful
            self.failed += failed
        for _ in range(successful):
            self._duration.observe(seconds / successful)

    def as_metrics(self) -> dict[str, int]:
        """Return the counts by name."""
        with self._lock:
            return {
                "total_registrations": self.successful + self.failed,
                "successful_registrations": self.successful,
                "failed_registrations": self.failed,
            }


__all__ = ["RegistrationCounters"]
