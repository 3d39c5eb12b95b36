"""Refreshes that run at the same time on a real server."""

import random
import threading
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack
from datetime import datetime, timedelta
from functools import partial
from uuid import uuid4

import polars as pl
import pytest

from sql.connection import connect
from sql.metric_store import MetricStore
from tests.postgres import HOUR, metric_row, metric_rows

LAKE = uuid4()
WINDOWS = [("hourly", HOUR + timedelta(hours=hour)) for hour in range(4)]
GROUPS = ["compute", "effect", "orchestrator", "reducer"]
Window = tuple[str, datetime]


def rows_of(version: int, windows: Sequence[Window], seed: int) -> pl.DataFrame:
    """What this version of the lake computes for these windows: some groups, none in some windows."""
    rows = []
    for window_type, start in windows:
        choice = random.Random(f"{seed} {version} {start}")
        for key in choice.sample(GROUPS, choice.choice([0, 1, 2, 4])):
            content = {"in_flight_generations": version if choice.random() < 0.7 else 0}
            rows.append(metric_row(window_type=window_type, window_start=start, group_key=key, **content))
    return metric_rows(*rows)


def at_once(actions: Sequence[Callable[[], object]]) -> None:
    """Run the actions in a thread each, started together, and raise what any of them raised."""
    failed: list[Exception] = []
    start = threading.Barrier(len(actions))

    def run(action: Callable[[], object]) -> None:
        try:
            start.wait()
            action()
        except Exception as error:  # noqa: BLE001 (raised below, in the thread of the test)
            failed.append(error)

    threads = [threading.Thread(target=run, args=[action]) for action in actions]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    if failed:
        raise failed[0]


@pytest.fixture
def stores(database_url: str) -> Iterator[list[MetricStore]]:
    """Four stores, each on a connection of its own."""
    with ExitStack() as stack:
        yield [MetricStore(stack.enter_context(connect(database_url))) for _ in range(4)]


@pytest.mark.parametrize("seed", range(5))
def test_the_newest_version_of_each_window_survives(stores: list[MetricStore], seed: int) -> None:
    """Four refreshes of random windows race, 20 times: each window ends with what its newest version computed."""
    choice = random.Random(seed)
    newest: dict[Window, int] = {}

    def refresh(store: MetricStore, version: int, windows: Sequence[Window], pause: float) -> None:
        time.sleep(pause)
        store.replace_windows(rows_of(version, windows, seed), windows, lake_id=LAKE, lake_version=version)

    for turn in range(20):
        versions = choice.sample(range(4 * turn, 4 * turn + 4), 4)
        actions = []
        for store, version in zip(stores, versions, strict=True):
            windows = choice.sample(WINDOWS, choice.randint(1, 4))
            newest |= {window: max(version, newest.get(window, 0)) for window in windows}
            actions.append(partial(refresh, store, version, windows, choice.random() * 0.004))
        at_once(actions)
        assert stored(stores[0]) == expected(newest, seed)


def expected(newest: Mapping[Window, int], seed: int) -> list[tuple[object, ...]]:
    """What the table holds if each window holds what its newest version computed."""
    return sorted(
        (row["window_start"], row["group_key"], row["in_flight_generations"], version)
        for window, version in newest.items()
        for row in rows_of(version, [window], seed).to_dicts()
    )


def stored(store: MetricStore) -> list[tuple[object, ...]]:
    """What the table holds."""
    columns = ("window_start", "group_key", "in_flight_generations", "checked_lake_version")
    return [tuple(row[column] for column in columns) for row in store.read_metrics("hourly", "node_type_grouping")]


def test_a_waiting_older_refresh_sees_the_newer_one(database_url: str) -> None:
    """An older refresh that waits for a newer one to commit is superseded, not lost in between."""
    with connect(database_url) as first, connect(database_url) as second:
        window = WINDOWS[:1]
        results = []

        def older() -> None:
            rows = metric_rows(metric_row(group_key="reducer"))
            results.append(MetricStore(second).replace_windows(rows, window, lake_id=LAKE, lake_version=1))

        with MetricStore(first).transaction() as newer:
            newer.replace_windows(metric_rows(metric_row()), window, lake_id=LAKE, lake_version=2)
            waiting = threading.Thread(target=older)
            waiting.start()
            waits = "SELECT count(*) FROM pg_locks WHERE NOT granted"
            with connect(database_url) as watch:
                while watch.execute(waits).fetchone() == (0,):
                    assert waiting.is_alive()
                    time.sleep(0.005)
        waiting.join()
        assert [result.superseded for result in results] == [1]
        assert [row["group_key"] for row in MetricStore(first).read_metrics("hourly", "node_type_grouping")] == [
            "effect"
        ]
