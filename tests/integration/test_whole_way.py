"""From Kafka to Postgres on real parts: the rows are the oracle's, however the events came."""

import json
from datetime import UTC, datetime, timedelta
from pathlib import Path
from uuid import uuid4

import polars as pl
import pytest

from assets.oracle.agreement import disagreements
from assets.oracle.oracle import Oracle
from ingest.kafka import KafkaSettings
from ingest.kinds import EventKind
from ingest.lake import open_lake
from ingest.producer import Outgoing, publish
from pipelines.enums import EnumAggregationType, EnumWindowType
from pipelines.refresh import Refresher
from pipelines.windows import windows_between
from sql.connection import Connection
from sql.metric_store import MetricStore
from tests.messages import GUIDE, WORKFLOW, completed, value
from tests.pipes import ingest_all
from tests.published import Published, believable
from tests.statistics import Tables, all_statistics, without


@pytest.fixture
def lake(tmp_path: Path) -> str:
    return str(tmp_path / "lake")


def refresher(lake: str, database: Connection) -> Refresher:
    return Refresher(open_lake(lake), MetricStore(database))


def assert_equal_to_the_oracle(lake: str, database: Connection) -> None:
    """Every row in Postgres is the oracle's over the raw events of the lake, and none is missing."""
    events = pl.read_delta(f"{lake}/events")
    latest = events["event_time"].max()
    assert isinstance(latest, datetime)
    store = MetricStore(database)
    rows = [
        row
        for window_type in EnumWindowType
        for by in EnumAggregationType
        for row in store.read_metrics(window_type, by)
    ]
    with Oracle(events) as oracle:
        expected = oracle.statistics(as_of=latest.replace(minute=0, second=0, microsecond=0))
        breakdowns = {name: oracle.breakdown(name) for name in ("stages", "models", "node_types")}
    assert rows
    assert disagreements(rows, expected, breakdowns) == []


def test_rows_are_the_oracles(kafka: KafkaSettings, lake: str, database: Connection) -> None:
    """Published, ingested in many micro-batches and refreshed in between, the rows are those of an independent SQL."""
    published = Published(kafka)
    messages = list(believable(workflows=600, days=3))
    for part in range(3):
        published.publish(messages[part::3])
        ingest_all(kafka, lake, max_rows=500)
        refresher(lake, database).refresh()

    published.assert_in_lake(lake)
    assert_equal_to_the_oracle(lake, database)


def test_nothing_new_refreshes_nothing(kafka: KafkaSettings, lake: str, database: Connection) -> None:
    """A refresh after which nothing came computes no window; before anything ever came as well."""
    assert refresher(lake, database).refresh().window_count == 0
    publish(kafka, believable(workflows=20))
    ingest_all(kafka, lake)
    assert refresher(lake, database).refresh().window_count > 0
    assert refresher(lake, database).refresh().window_count == 0


def test_late_name_moves_the_generation(kafka: KafkaSettings, lake: str, database: Connection) -> None:
    """A failure that does not say what failed is `unknown` until its start arrives, a day late; then it is moved."""
    failure = GUIDE[EventKind.FAILED] | {"node_type": None, "timestamp": "2025-10-24T00:10:00Z"}
    start = GUIDE[EventKind.STARTED] | {"timestamp": "2025-10-23T23:50:00Z", "node_type": "reducer", "domain": "ml"}
    groups = []
    for kind, payload in ((EventKind.FAILED, failure), (EventKind.STARTED, start)):
        publish(kafka, [Outgoing(kind, WORKFLOW.encode(), value({k: v for k, v in payload.items() if v}))])
        ingest_all(kafka, lake)
        refresher(lake, database).refresh()
        groups.append(
            [
                (row["window_start"].hour, row["group_key"], row["failed_generations"], row["started_generations"])
                for row in MetricStore(database).read_metrics("hourly", "node_type_grouping")
            ]
        )
    assert groups == [[(0, "unknown", 1, 0)], [(23, "reducer", 0, 1), (0, "reducer", 1, 0)]]
    assert_equal_to_the_oracle(lake, database)


def test_late_data_changes_only_its_windows(
    kafka: KafkaSettings, lake: str, database: Connection, database_url: str
) -> None:
    """An event that comes weeks late changes the four windows that hold it; every other row stays, untouched."""
    publish(kafka, believable(workflows=200, days=3))
    ingest_all(kafka, lake)
    refresher(lake, database).refresh()
    before = all_statistics(database_url)

    late = completed(timestamp="2025-10-02T05:00:00Z", workflow_id=str(uuid4()))
    publish(kafka, [Outgoing(EventKind.COMPLETED, None, late)])
    ingest_all(kafka, lake)
    report = refresher(lake, database).refresh()

    assert {
        kind.value: [window.start.isoformat() for window in windows] for kind, windows in report.windows.items()
    } == {
        "hourly": ["2025-10-02T05:00:00+00:00"],
        "daily": ["2025-10-02T00:00:00+00:00"],
        "weekly": ["2025-09-29T00:00:00+00:00"],
        "monthly": ["2025-10-01T00:00:00+00:00"],
    }
    starts = {start.isoformat().replace("+00:00", "Z") for start in (w[0].start for w in report.windows.values())}
    assert _elsewhere(all_statistics(database_url), starts) == _elsewhere(before, starts)
    assert_equal_to_the_oracle(lake, database)


def _elsewhere(tables: Tables, starts: set[str]) -> Tables:
    return {key: [row for row in rows if row["window_start"] not in starts] for key, rows in tables.items()}


def test_time_turns_unfinished_into_abandoned(kafka: KafkaSettings, lake: str, database: Connection) -> None:
    """A generation that never ends is in flight until a later event shows that a day has passed."""
    begun = datetime(2025, 10, 24, 10, 30, tzinfo=UTC)
    counts = []
    for hours in (0, 24, 25):
        now = (begun + timedelta(hours=hours)).isoformat()
        payload = GUIDE[EventKind.STARTED] | {"timestamp": now, "workflow_id": str(uuid4())}
        publish(kafka, [Outgoing(EventKind.STARTED, None, value(payload))])
        ingest_all(kafka, lake)
        refresher(lake, database).refresh()
        first = MetricStore(database).read_metrics("hourly", "time_window")[0]
        counts.append((first["in_flight_generations"], first["abandoned_generations"]))
    assert counts == [(1, 0), (1, 0), (0, 1)]
    assert_equal_to_the_oracle(lake, database)


def test_backfill_equals_the_stream(kafka: KafkaSettings, lake: str, database: Connection, database_url: str) -> None:
    """Rows that were lost and are computed again, window by window, are the very rows that the stream had made."""
    publish(kafka, believable(workflows=200, days=3))
    ingest_all(kafka, lake, max_rows=300)
    refresher(lake, database).refresh()
    streamed = without(all_statistics(database_url))
    database.execute("DELETE FROM codegen_metrics_aggregated")

    start, end = datetime(2025, 9, 1, tzinfo=UTC), datetime(2025, 11, 1, tzinfo=UTC)
    for window_type in EnumWindowType:
        refresher(lake, database).refresh_windows({window_type: windows_between(start, end, window_type)})

    assert without(all_statistics(database_url)) == streamed


def test_refused_messages_are_kept_with_their_place(kafka: KafkaSettings, lake: str) -> None:
    """All kinds of malformed messages become dead letters with place, reason, key and bytes; no good one is lost."""
    bad = [
        b"",
        b"no JSON",
        b"[1]",
        b"\xff\xfe",
        b" ",
        b"[" * 500_000,
        completed().replace(b"0.88", b"NaN"),
        completed(quality_score="high"),
        completed(total_duration_seconds=-1),
        completed(timestamp="3025-01-01T00:00:00Z"),
        completed(event_type="NODE_GENERATION_PAUSED"),
        completed(workflow_id=None),
        completed()[:-2],
        completed() + b"\n" + completed(),
        completed(note="x" * 1_100_000),
    ]
    good = [completed(event_id=f"good-{number}") for number in range(200)]
    messages = [
        Outgoing(EventKind.COMPLETED, b"key", message) for pair in zip(good, bad * 14, strict=False) for message in pair
    ]
    bigger = KafkaSettings(kafka.bootstrap_servers, kafka.environment, {"message.max.bytes": "2000000"})
    published = Published(bigger)

    published.publish(messages)
    ingest_all(kafka, lake)

    published.assert_in_lake(lake)
    letters = pl.read_delta(f"{lake}/dead_letters")
    assert letters.height == pl.read_delta(f"{lake}/events").height == 200
    assert set(letters["reason"]) == {
        "empty", "too_large", "invalid_json", "not_an_object", "unknown_kind",
        "missing_field", "wrong_type", "out_of_range", "future_time",
    }  # fmt: skip
    assert set(letters["key"]) == {b"key"}


def test_stats_are_valid_json_numbers(kafka: KafkaSettings, lake: str, database: Connection, database_url: str) -> None:
    """Money is a JSON number, and what is unknown is null."""
    publish(kafka, [Outgoing(EventKind.COMPLETED, None, completed(timestamp="2025-10-24T10:00:00Z"))])
    ingest_all(kafka, lake)
    refresher(lake, database).refresh()
    row = all_statistics(database_url)["hourly", "node_type_grouping"][0]
    assert json.loads(json.dumps(row["cost_statistics"])) == {
        "total_tokens": 1200,
        "total_cost_usd": 0.12,
        "avg_tokens_per_generation": 1200,
        "avg_cost_per_generation": 0.12,
        "tokens_n": 1,
        "cost_n": 1,
        "known_cost_share": 1,
        "cost_per_success_usd": 0.12,
        "failed_tokens": None,
        "failed_cost_usd": None,
        "failed_tokens_n": 0,
        "failed_cost_n": 0,
    }
    assert row["duration_statistics"]["failed_avg_seconds"] is None
