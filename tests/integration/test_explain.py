"""Rows explained, refreshes tried, and dimensions asked for ad hoc: on a real lake and a real PostgreSQL."""

from datetime import UTC, datetime, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from assets.oracle_check import check_windows
from ingest.compaction import Compaction
from ingest.lake import Lake, open_lake
from omninode.errors import BadInput, OmninodeError
from pipelines.dimensions import dimension_rows
from pipelines.enums import EnumWindowType
from pipelines.explain import explain
from pipelines.refresh import Refresher
from pipelines.snapshot import snapshot_of
from pipelines.windows import Window
from sql.batch_store import BatchStore
from sql.connection import Connection
from sql.metric_store import MetricStore
from tests.events import completed, failed, stage, started
from tests.lakes import append_rows

NOON = datetime(2025, 10, 24, 12, tzinfo=UTC)


@pytest.fixture
def lake(tmp_path: Path) -> Lake:
    """A lake with a success, and a failure whose retry succeeded, in one hour."""
    lake = open_lake(str(tmp_path / "lake"))
    append_rows(
        lake,
        [
            started("a", at=NOON, node_type="effect", domain="api"),
            stage(1, "a", at=NOON + timedelta(minutes=1), duration_seconds=2.0, stage_success=True),
            completed("a", at=NOON + timedelta(minutes=2), duration_seconds=9.0, cost_usd=Decimal("0.5"), tokens=7),
            failed("b", at=NOON + timedelta(minutes=3), node_type="compute", domain="ml", cost_usd=Decimal("0.25")),
            completed("b", at=NOON + timedelta(minutes=4), attempt=2, primary_model="m"),
        ],
        name="first",
    )
    return lake


@pytest.fixture
def store(database: Connection) -> MetricStore:
    return MetricStore(database)


def hour(store: MetricStore) -> dict[str, Any]:
    """The row of the hour as a whole."""
    (row,) = store.read_metrics("hourly", "time_window", NOON, NOON + timedelta(hours=1))
    return row


def test_a_row_lists_its_generations_and_events_and_is_computed_again(lake: Lake, store: MetricStore) -> None:
    """Each attempt that started or ended in the window, each delivery with its place in Kafka, and the same numbers."""
    Refresher(lake, store).refresh()
    found = explain(lake, store, hour(store)["aggregation_id"])
    assert found.agrees
    assert "which the lake still has" in found.way
    listed = found.generations.select("workflow_id", "attempt", "counts_as").rows()
    assert listed == [("a", 1, ["start", "end"]), ("b", 1, ["end"]), ("b", 2, ["end"])]
    assert found.events.select("topic", "partition", "offset").null_count().sum_horizontal().item() == 0
    assert found.events.height == 5


def test_a_row_is_told_from_its_own_version_when_the_lake_has_moved_on_and_forgotten_it(
    lake: Lake, store: MetricStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Later events are taken out by the micro-batches that are noted, before and after compaction and the refresh."""
    refresher = Refresher(lake, store)
    refresher.refresh()
    row = hour(store)
    for number in range(4):
        append_rows(lake, [completed(f"late {number}", at=NOON + timedelta(minutes=9))], name=f"later {number}")
    # The log's old entries and their files are gone: see `ingest.retention`.
    monkeypatch.setattr(Lake, "read_version", lambda *_: None)
    found = explain(lake, store, row["aggregation_id"])
    assert (found.agrees, found.lake_version) == (True, row["lake_version"])
    assert "without the 4 micro-batches that came after" in found.way

    assert next(told.files_merged for told in Compaction(lake).run()) > 0
    lake.refresh()
    assert explain(lake, store, row["aggregation_id"]).agrees
    refresher.refresh()
    newer = hour(store)
    assert newer["total_generations"] == row["total_generations"] + 4
    assert explain(lake, store, newer["aggregation_id"]).agrees


def test_a_row_that_was_tampered_with_is_told_number_by_number(
    lake: Lake, store: MetricStore, database: Connection
) -> None:
    """What is stored, and what the lake says."""
    Refresher(lake, store).refresh()
    database.execute(
        "UPDATE codegen_metrics_aggregated SET cost_statistics = jsonb_set(cost_statistics, '{total_tokens}', '8')"
    )
    found = explain(lake, store, hour(store)["aggregation_id"])
    assert [(d.name, d.before, d.after) for d in found.differences] == [("cost_statistics.total_tokens", 8, 7)]
    wrong, checked = check_windows(lake, store, [Window(EnumWindowType.HOURLY, NOON)])
    assert checked == 1
    assert any("total_tokens is 8, the oracle says 7" in line for line in wrong)


def test_what_was_noted_long_ago_is_forgotten_but_for_the_latest(
    lake: Lake, store: MetricStore, database: Connection
) -> None:
    """So the table does not grow for ever, and what comes next continues from where it ends."""
    refresher = Refresher(lake, store)
    refresher.refresh()
    append_rows(lake, [completed("c", at=NOON)], name="second")
    refresher.refresh()
    batches = BatchStore(database)
    assert batches.expire(timedelta(days=1)) == 0
    database.execute("UPDATE lake_batches SET noted_at = now() - interval '2 days'")
    assert (batches.expire(timedelta(days=1)), batches.first_version(lake.lake_id)) == (1, 2)


def test_what_cannot_be_explained_says_why(
    lake: Lake, store: MetricStore, database: Connection, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """No such row, another lake, and a version of which nothing is known."""
    Refresher(lake, store).refresh()
    known = hour(store)["aggregation_id"]
    with pytest.raises(BadInput, match="no row of statistics has the id"):
        explain(lake, store, "3398727c-4860-5937-ad53-09dc1c9e8025")
    other = open_lake(str(tmp_path / "other"))
    with pytest.raises(BadInput, match="made from another lake"):
        explain(other, store, known)
    monkeypatch.setattr(Lake, "read_version", lambda *_: None)
    BatchStore(database).begin(lake.lake_id, 1_000)
    with pytest.raises(OmninodeError, match="forgotten version 1"):
        explain(lake, store, known)


def test_a_dry_run_says_what_the_refresh_then_does(lake: Lake, store: MetricStore) -> None:
    """Rows and numbers before and after; nothing is written until the refresh itself."""
    refresher = Refresher(lake, store)
    refresher.refresh()
    before = hour(store)
    append_rows(lake, [failed("c", at=NOON + timedelta(minutes=5), node_type="effect", domain="api")], name="late")

    tried = refresher.refresh(dry_run=True)
    assert hour(store) == before
    progress = store.progress("statistics")
    assert progress is not None
    assert progress.lake_version == before["lake_version"]
    assert tried.changes is not None
    (change,) = [c for c in tried.changes if c.aggregation_id == before["aggregation_id"]]
    told = {d.name: (d.before, d.after, d.change) for d in change.differences}
    assert told["failed_generations"] == (1, 2, 1)
    assert told["success_rate"] == (Decimal("0.6667"), Decimal("0.5000"), Decimal("-0.1667"))
    assert "duration_statistics.p95_seconds" not in told

    done = refresher.refresh()
    assert done.rows == tried.rows
    assert done.windows == tried.windows
    assert done.windows[EnumWindowType.HOURLY] == [Window(EnumWindowType.HOURLY, NOON)]
    assert hour(store)["failed_generations"] == 2
    assert refresher.refresh_windows(done.windows, dry_run=True).changes == []


def test_pairs_of_dimensions_are_computed_from_the_lake(lake: Lake) -> None:
    """Each combination that occurs, with the numbers of a row; with the stage, stages are counted."""
    snapshot = snapshot_of(lake)
    pairs = dimension_rows(snapshot, ["node_type", "domain"], EnumWindowType.DAILY)
    assert pairs.select("node_type", "domain", "total_generations", "success_rate").rows() == [
        ("compute", "ml", 2, 0.5),
        ("effect", "api", 1, 1.0),
    ]
    models = dimension_rows(snapshot, ["model"], EnumWindowType.MONTHLY, start=NOON.replace(day=1, hour=0))
    assert models.select("model", "total_generations").rows() == [("m", 2), ("unknown", 1)]
    stages = dimension_rows(snapshot, ["stage", "node_type"], EnumWindowType.HOURLY)
    assert stages.select("stage", "node_type", "count", "p50_ms").rows() == [("stage 1", "effect", 1, 2000.0)]
    assert dimension_rows(snapshot, ["domain"], EnumWindowType.DAILY, start=NOON + timedelta(days=1)).is_empty()
    with pytest.raises(BadInput, match="'colour' is no dimension; take some of node_type"):
        dimension_rows(snapshot, ["colour"], EnumWindowType.DAILY)
