"""Events side by side by attempt."""

from decimal import Decimal

import polars as pl

from pipelines.runs import Runs, runs_of
from tests.events import completed, frame, stage, started


def _events() -> pl.DataFrame:
    """Two workflows whose events came mixed; the first has two attempts."""
    return frame(
        completed("b", at="2025-10-24T12:03:00"),
        stage(2, "a", at="2025-10-24T12:02:00", tokens=5, cost_usd=Decimal("0.000000001")),
        started("b"),
        stage(1, "a", at="2025-10-24T12:01:00", tokens=7, cost_usd=Decimal("999999999.999999999")),
        started("a", at="2025-10-24T12:03:00", attempt=2),
        started("a"),
    )


def _told(runs: Runs) -> set[tuple[object, ...]]:
    kind = runs.events["kind"]
    first, is_stage = runs.first(kind == "stage_completed"), kind == "stage_completed"
    return set(
        zip(
            runs.events["workflow_id"].gather(runs.starts),
            runs.events["attempt"].gather(runs.starts),
            runs.events["stage_number"].gather(first),
            runs.counts(is_stage),
            runs.sums("tokens", is_stage),
            runs.sums("cost_usd", is_stage),
            strict=True,
        )
    )


def test_each_attempt_is_a_run() -> None:
    """Its first event, the count and the exact sums of some of its events; null where there are none."""
    a, b = sorted(_events()["workflow_id"].unique())
    assert _told(runs_of(_events())) == {
        (a, 1, 1, 2, 12, Decimal(1000000000)),
        (a, 2, None, 0, None, None),
        (b, 1, None, 0, None, None),
    }


def test_workflows_of_one_number_are_kept_apart() -> None:
    """Where the numbers do not tell the workflows apart, their ids do."""
    assert _told(runs_of(_events(), number=pl.lit(0))) == _told(runs_of(_events()))


def test_no_events_are_no_runs() -> None:
    """An empty frame has no attempts."""
    assert _told(runs_of(frame())) == set()
