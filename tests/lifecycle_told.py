"""What many writers were told, and what the metrics said meanwhile."""

from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from threading import Event
from typing import Any
from uuid import UUID

from prometheus_client import CollectorRegistry

from pipelines.lifecycle.backend import counts
from pipelines.lifecycle.metrics import LifecycleCollector
from registry.background import running
from sql.connection import connect
from sql.lifecycle_reports import LifecycleReports

Answer = tuple[bool, str | None]


@dataclass
class Told:
    """The answers to calls: those with a key once for each workflow and key, however often it was used."""

    plain: Counter[bool] = field(default_factory=Counter)
    keyed: dict[tuple[UUID, str], Answer] = field(default_factory=dict)
    #: Calls with a key that the workflow had seen.
    repeated: int = 0

    def hear(self, workflow_id: UUID, key: str | None, answer: Answer) -> None:
        """Take one answer. Whoever uses a key is told the same, or that it was used for something else."""
        if key is None:
            self.plain[answer[0]] += 1
        elif answer[1] is not None and answer[1].startswith("Idempotency key"):
            self.repeated += 1
        else:
            self.repeated += (workflow_id, key) in self.keyed
            known = self.keyed.setdefault((workflow_id, key), answer)
            assert known == answer, f"{workflow_id}, {key}: {known} and {answer}"

    def add(self, other: "Told") -> None:
        """Take what another writer was told."""
        self.plain.update(other.plain)
        self.repeated += other.repeated
        for (workflow_id, key), answer in other.keyed.items():
            self.hear(workflow_id, key, answer)

    def total(self) -> Counter[bool]:
        """Return how many were told to be made and how many to be refused."""
        return self.plain + Counter(accepted for accepted, _ in self.keyed.values())


@contextmanager
def sampled_metrics(url: str, *, pause: float) -> Iterator[list[dict[str, Any]]]:
    """Ask for the metrics again and again, as the tracker tells them and as Prometheus scrapes them."""
    samples: list[dict[str, Any]] = []

    def sample(stop: Event) -> None:
        with connect(url) as connection:
            reports, registry = LifecycleReports(connection), CollectorRegistry()
            registry.register(LifecycleCollector(reports, least_seconds=0))
            while True:
                scraped = registry.get_sample_value("active_workflows_count")
                samples.append({**counts(reports), "scraped": scraped})
                if stop.wait(pause):
                    return

    with running(sample, "metrics"):
        yield samples


__all__ = ["Told", "sampled_metrics"]
