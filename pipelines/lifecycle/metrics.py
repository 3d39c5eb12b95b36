"""The guide's three Prometheus metrics of the lifecycle, read from the tables when they are scraped."""

import logging
from collections.abc import Iterator, Sequence
from time import monotonic

from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, Metric
from prometheus_client.registry import Collector

from sql.errors import DatabaseError
from sql.lifecycle_reports import LifecycleReports, Row

log = logging.getLogger(__name__)

#: The history is counted again after this time at the earliest, and takes a tenth of the time at most.
_LEAST_SECONDS = 1.0
_SHARE = 10.0


class LifecycleCollector(Collector):
    """Counts made from the state itself: neither a restart nor a replay bends them."""

    def __init__(self, reports: LifecycleReports, *, least_seconds: float = _LEAST_SECONDS) -> None:
        self._reports = reports
        self._least_seconds = least_seconds
        self._next = 0.0
        self._kept: list[Metric] = []

    def describe(self) -> Iterator[Metric]:
        """Tell the names without asking the database."""
        return iter(families([], []))

    def collect(self) -> Iterator[Metric]:
        """Return the metrics. A database that is away leaves the latest: /metrics has to answer."""
        if monotonic() >= self._next:
            began = monotonic()
            try:
                self._kept = families(self._reports.count_states(), self._reports.count_transitions())
            except DatabaseError as error:
                log.warning("the lifecycle could not be counted: %s", error)
            self._next = monotonic() + max(self._least_seconds, _SHARE * (monotonic() - began))
        return iter(self._kept)


def families(states: Sequence[Row], transitions: Sequence[Row]) -> list[Metric]:
    """Return the three metrics of these rows of `LifecycleReports`."""
    made = CounterMetricFamily(
        "workflow_state_transitions",
        "Transitions that were made or refused",
        labels=["from_state", "to_state", "outcome"],
    )
    for row in transitions:
        outcome = "accepted" if row["accepted"] else "rejected"
        made.add_metric([row["from_state"], row["to_state"], outcome], row["transitions"])
    count = GaugeMetricFamily("workflow_state_count", "Workflows that stand in a state", labels=["state"])
    for state in dict.fromkeys(row["current_state"] for row in states):
        count.add_metric([state], sum(row["workflows"] for row in states if row["current_state"] == state))
    active = sum(row["workflows"] for row in states if not row["is_terminal"])
    return [made, count, GaugeMetricFamily("active_workflows_count", "Workflows not at their end", value=active)]
