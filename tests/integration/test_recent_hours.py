"""What is kept of an hour in memory is what the lake would say of it, whatever comes in whatever order."""

from datetime import UTC, datetime, timedelta
from pathlib import Path
from random import Random

import polars as pl
import pytest

from ingest.lake import Lake, open_lake
from pipelines.compute import Attempts, attempts_within
from pipelines.enums import EnumWindowType
from pipelines.recent_hours import RecentHours
from pipelines.snapshot import snapshot_of
from pipelines.windows import Window
from tests.events import Event, completed, failed, stage, started
from tests.lakes import append_rows

HOUR = datetime(2025, 10, 24, 12, tzinfo=UTC)
WINDOW = Window(EnumWindowType.HOURLY, HOUR)


def of_the_hour(attempts: Attempts) -> list[pl.DataFrame]:
    """The attempts that count in the hour, and their stages, in one order."""
    within = pl.any_horizontal(
        pl.col(name).is_between(WINDOW.start, WINDOW.end, closed="left") for name in ("started_at", "ended_at")
    )
    generations = attempts.generations.filter(within).sort("workflow_id", "attempt")
    ended = pl.col("ended_at").is_between(WINDOW.start, WINDOW.end, closed="left")
    return [generations, attempts.stages.filter(ended).sort(pl.all())]


def an_event(random: Random) -> Event:
    """Of one of a few workflows: mostly in the hour, else near it, else far away; often without a name."""
    hours = random.choice([0, 0, 0, -1, 1, -30, 40, -90, -200, 600])
    at = HOUR + timedelta(hours=hours, seconds=random.randrange(3600))
    name, attempt = f"w{random.randrange(12)}", random.choice([1, 1, 2])
    names = {"node_type": "effect"} if random.random() < 0.1 else {}
    match random.randrange(4):
        case 0:
            return started(name, at=at, attempt=attempt, **names)
        case 1:
            return completed(name, at=at, attempt=attempt, **names)
        case 2:
            return failed(name, at=at, attempt=attempt, **names)
    return stage(random.randrange(3), name, at=at, attempt=attempt)


@pytest.mark.parametrize("seed", range(4))
def test_what_is_kept_is_what_the_lake_says(seed: int, tmp_path: Path) -> None:
    """Ten commits of random events: retries, other ends, starts that come late from near and far, copies."""
    random, lake, recent = Random(seed), open_lake(str(tmp_path)), RecentHours()
    seen: list[Event] = []
    since = 0
    for number in range(10):
        new = [an_event(random) for _ in range(random.randrange(1, 6))]
        again = random.sample(seen, min(len(seen), 1))
        append_rows(lake, [*new, *again], name=f"batch {number}")
        seen += new
        since = compare(lake, recent, since)
        recent.note([HOUR])
    assert list(recent._hours) == [HOUR]


def test_what_comes_from_far_away_is_found(tmp_path: Path) -> None:
    """A start weeks before the hour, which alone tells what ended in it."""
    lake, recent = open_lake(str(tmp_path)), RecentHours()
    append_rows(lake, [completed("far", at=HOUR)], name="end")
    since = compare(lake, recent, 0)
    recent.note([HOUR])
    append_rows(lake, [completed("other", at=HOUR)], name="kept")
    since = compare(lake, recent, since)
    append_rows(lake, [started("far", at=HOUR - timedelta(days=21), node_type="effect", domain="api")], name="start")
    compare(lake, recent, since)


def compare(lake: Lake, recent: RecentHours, since: int) -> int:
    snapshot = snapshot_of(lake)
    news = lake.changes_since(since)
    assert news is not None
    ((hours, attempts),) = recent.attempts(snapshot, [HOUR], since=since, news=news)
    assert hours == [HOUR]
    for kept, read in zip(of_the_hour(attempts), of_the_hour(attempts_within(snapshot, [WINDOW])), strict=True):
        assert kept.equals(read)
    return snapshot.version
