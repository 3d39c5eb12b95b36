"""A backfill through Dagster makes the rows that the stream made, on a real lake and a real PostgreSQL."""

import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import dagster as dg
import psutil
import pytest
from dagster._core.definitions.asset_daemon_cursor import AssetDaemonCursor

from assets.definitions import defs
from assets.instance import instance_folder, open_instance
from assets.names import EVENTS, statistics_key
from assets.partitions import key_of
from ingest.lake import open_lake
from omninode.settings import Settings
from pipelines.enums import EnumAggregationType, EnumWindowType
from pipelines.parts import postgres
from pipelines.refresh import Refresher
from pipelines.windows import windows_between
from sql.connection import Connection, connect
from sql.embedded_place import known_place
from sql.metric_rows import Metric
from sql.metric_store import MetricStore
from sql.migrate import migrate
from tests.dagster_project import fill_lake, make_project, nothing_set
from tests.events import completed
from tests.lakes import append_rows
from tests.postgres import state_folder

pytestmark = [pytest.mark.filterwarnings("ignore::dagster.BetaWarning"), pytest.mark.timeout(300)]

#: Over the end of a month and of a week; the latest event may come four days after the last start.
START, END = datetime(2025, 10, 31, tzinfo=UTC), datetime(2025, 11, 7, tzinfo=UTC)
_BOOKKEEPING = {"updated_at", "lake_version", "checked_lake_version"}
_DG = str(Path(sys.executable).with_name("dg"))


@dataclass(frozen=True)
class House:
    """A project folder whose lake is filled, and its running database."""

    folder: Path
    url: str
    connection: Connection

    @property
    def store(self) -> MetricStore:
        """The statistics in the database."""
        return MetricStore(self.connection)

    def rows(self) -> list[Metric]:
        """All rows, but for what says when and from which version they were made."""
        found = [
            self.store.read_metrics(window_type, strategy)
            for window_type in EnumWindowType
            for strategy in EnumAggregationType
        ]
        return [{k: v for k, v in row.items() if k not in _BOOKKEEPING} for rows in found for row in rows]

    def partition_range(self, window_type: EnumWindowType) -> tuple[str, str]:
        """First and last partition that the events can touch."""
        windows = windows_between(START, END, window_type)
        return key_of(windows[0]), key_of(windows[-1])


@pytest.fixture(scope="module")
def house() -> Iterator[House]:
    """A lake of 300 workflows, refreshed as the stream does it."""
    with state_folder() as folder, _house(make_project(folder / "house")) as house:
        yield house


@contextmanager
def _house(folder: Path) -> Iterator[House]:
    settings = Settings.read({}, folder=folder)
    fill_lake(settings.lake, workflows=300, start=START, days=2)
    with postgres(settings) as url, connect(url) as connection:
        migrate(connection)
        Refresher(open_lake(settings.lake), MetricStore(connection)).refresh()
        yield House(folder, url, connection)


@pytest.fixture
def empty() -> Iterator[Path]:
    """An empty folder that the database's account can reach."""
    with state_folder() as folder:
        yield folder


@pytest.fixture
def at_home(house: House, monkeypatch: pytest.MonkeyPatch) -> House:
    """Stand in the project folder with nothing set, as somebody at a prompt does."""
    monkeypatch.chdir(house.folder)
    for name in ("HOME", "LAKE", "FIRST_DAY", "POSTGRES_URL"):
        monkeypatch.delenv(f"OMNINODE_{name}", raising=False)
    return house


@pytest.fixture
def instance(at_home: House) -> Iterator[dg.DagsterInstance]:
    """The instance that the commands use."""
    with open_instance(instance_folder(at_home.folder / ".omninode")) as found:
        yield found


def test_a_backfill_of_all_windows_makes_the_same_rows_as_the_stream(
    at_home: House, instance: dg.DagsterInstance
) -> None:
    """The hours by the documented command, the days, weeks and months in process: every row equal, none left out."""
    expected = at_home.rows()
    assert {row["window_type"] for row in expected} == set(EnumWindowType)
    at_home.connection.execute("TRUNCATE codegen_metrics_aggregated")

    first, last = at_home.partition_range(EnumWindowType.HOURLY)
    output = _dg(at_home.folder, "launch", "--assets", "hourly_statistics", "--partition-range", f"{first}...{last}")
    for window_type in (EnumWindowType.DAILY, EnumWindowType.WEEKLY, EnumWindowType.MONTHLY):
        _materialize(instance, window_type, *at_home.partition_range(window_type))

    assert at_home.rows() == expected
    hours = windows_between(START, END, EnumWindowType.HOURLY)
    assert instance.get_materialized_partitions(statistics_key(EnumWindowType.HOURLY)) == set(map(key_of, hours))
    password = at_home.url.split("://")[1].split("@")[0].split(":")[1]
    assert len(password) > 8
    assert password not in output + _everything_logged(instance)


def test_a_materialisation_carries_numbers_to_plot(at_home: House, instance: dg.DagsterInstance) -> None:
    """Those of the run, and those of each partition, equal to the row in the database."""
    row = at_home.store.read_metrics("daily", "time_window", START)[0]
    first, last = at_home.partition_range(EnumWindowType.DAILY)
    result = _materialize(instance, EnumWindowType.DAILY, first, last)
    events = result.get_asset_materialization_events()
    assert len(events) == 7
    numbers: dict[str, Any] = {name: value.value for name, value in events[0].materialization.metadata.items()}
    assert events[0].materialization.partition == first == "2025-10-31"
    assert numbers["windows"] == 7
    assert numbers["rows_unchanged"] > 0
    assert (numbers["rows_inserted"], numbers["rows_updated"], numbers["rows_deleted"]) == (0, 0, 0)
    assert numbers["lake_version"] == row["checked_lake_version"]
    assert numbers["generations"] == row["total_generations"] > 0
    assert numbers["success_rate"] == pytest.approx(float(row["success_rate"]))
    assert numbers["p95_seconds"] == row["duration_statistics"]["p95_seconds"]
    assert numbers["seconds"] > 0


def test_the_checks_find_a_row_that_was_tampered_with_and_the_next_run_repairs_it(
    at_home: House, instance: dg.DagsterInstance
) -> None:
    """Alone, a check looks at all rows; in a run, at those of its partitions."""
    expected = at_home.rows()
    at_home.connection.execute(
        "UPDATE codegen_metrics_aggregated SET total_generations = total_generations + 1,"
        " failed_generations = failed_generations + 1"
        " WHERE window_type = 'weekly' AND aggregation_type = 'time_window' AND window_start = '2025-10-27T00:00:00Z'"
    )
    assert _check(instance, EVENTS)
    assert _check(instance, statistics_key(EnumWindowType.MONTHLY))
    assert not _check(instance, statistics_key(EnumWindowType.WEEKLY))

    other_week = _materialize(instance, EnumWindowType.WEEKLY, "2025-11-03", "2025-11-03")
    assert [evaluation.passed for evaluation in other_week.get_asset_check_evaluations()] == [True, True]
    assert at_home.rows() != expected

    repaired = _materialize(instance, EnumWindowType.WEEKLY, "2025-10-27", "2025-10-27")
    assert [evaluation.passed for evaluation in repaired.get_asset_check_evaluations()] == [True, True]
    assert at_home.rows() == expected
    assert _check(instance, statistics_key(EnumWindowType.WEEKLY))


def test_a_dry_run_from_the_launchpad_tells_what_would_change_and_changes_nothing(
    at_home: House, instance: dg.DagsterInstance
) -> None:
    """An observation in place of a materialisation, with the numbers before and after."""
    expected = at_home.rows()
    spoil, heal = (
        f"UPDATE codegen_metrics_aggregated SET in_flight_generations = in_flight_generations {sign} 5"
        " WHERE window_type = 'weekly' AND aggregation_type = 'time_window' AND window_start = '2025-10-27T00:00:00Z'"
        for sign in ("+", "-")
    )
    at_home.connection.execute(spoil)
    spoiled = at_home.rows()
    key = statistics_key(EnumWindowType.WEEKLY)
    result = _job(key).execute_in_process(
        instance=instance,
        partition_key="2025-10-27",
        run_config={"ops": {key.path[-1]: {"config": {"dry_run": True}}}},
    )
    assert result.get_asset_materialization_events() == []
    (observed,) = [event.asset_observation_data.asset_observation for event in result.get_asset_observation_events()]
    assert observed.metadata["rows_that_would_change"].value == 1
    changes = observed.metadata["changes"]
    assert isinstance(changes, dg.TableMetadataValue)
    (record,) = changes.records
    assert record.data["number"] == "in_flight_generations"
    assert at_home.rows() == spoiled
    at_home.connection.execute(heal)
    assert at_home.rows() == expected


def test_the_repair_job_refreshes_and_materialises_what_late_data_touched(
    at_home: House, instance: dg.DagsterInstance
) -> None:
    """It is the stream's refresh: the four windows of the late event, and on a second run nothing."""
    lake = open_lake(str(at_home.folder / ".omninode" / "lake"))
    append_rows(lake, [completed("late", at="2025-11-01T05:30:00", event_id="late")], name="late")
    job = defs().resolve_job_def("statistics_repair")
    repaired = job.execute_in_process(instance=instance)
    events = repaired.get_asset_materialization_events()
    touched = {event.materialization.asset_key.path[-1]: event.partition for event in events}
    assert touched == {
        "hourly_statistics": "2025-11-01-05:00",
        "daily_statistics": "2025-11-01",
        "weekly_statistics": "2025-10-27",
        "monthly_statistics": "2025-11-01",
    }
    assert job.execute_in_process(instance=instance).get_asset_materialization_events() == []
    assert _check(instance, statistics_key(EnumWindowType.HOURLY))


def test_a_day_is_asked_for_when_one_of_its_hours_was_made_anew(at_home: House, instance: dg.DagsterInstance) -> None:
    """However late the hour is; and not again once the day itself was made."""
    daily, hourly = statistics_key(EnumWindowType.DAILY), statistics_key(EnumWindowType.HOURLY)
    definitions = defs()

    def asked(cursor: AssetDaemonCursor | None) -> dg.EvaluateAutomationConditionsResult:
        return dg.evaluate_automation_conditions(
            definitions, instance, dg.AssetSelection.assets(daily), cursor=cursor, evaluation_time=END
        )

    first = asked(None)
    instance.report_runless_asset_event(dg.AssetMaterialization(hourly, partition="2025-11-02-03:00"))
    late = asked(first.cursor)
    assert late.get_requested_partitions(daily) == {"2025-11-02"}
    instance.report_runless_asset_event(dg.AssetMaterialization(daily, partition="2025-11-02"))
    assert asked(late.cursor).total_requested == 0


@pytest.mark.parametrize(
    ("url", "answer"),
    [
        ("postgresql://omninode:open-sesame@127.0.0.1:1/omninode", "Cannot connect to PostgreSQL at 127.0.0.1:1"),
        ("postgresql://omninode:open-sesame%@127.0.0.1:1/omninode", "The database URL cannot be read"),
    ],
)
def test_no_secret_reaches_the_ui_when_the_database_cannot_be_reached(
    at_home: House, url: str, answer: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Every event of the failed run is searched, causes and stack traces included."""
    monkeypatch.setenv("OMNINODE_POSTGRES_URL", url)
    assert at_home.folder == Path.cwd()
    with dg.DagsterInstance.ephemeral(settings={"telemetry": {"enabled": False}}) as instance:
        job = _job(statistics_key(EnumWindowType.DAILY))
        job.execute_in_process(instance=instance, partition_key="2025-11-01", raise_on_error=False)
        logged = _everything_logged(instance)
    assert answer in logged
    assert "open-sesame" not in logged


def test_an_empty_house_is_materialised_too_and_nothing_keeps_running(house: House, empty: Path) -> None:
    """No lake, no database, nothing set: the run succeeds, and the server it started is gone with it."""
    assert _servers(house.folder), "a server that runs is not seen: the rest would show nothing"
    folder = make_project(empty / "project")
    _dg(folder, "check", "defs")
    assert not (folder / ".omninode" / "postgres").exists(), "looking at the definitions started a server"
    _dg(folder, "launch", "--assets", "monthly_statistics", "--partition", "2025-10-01")
    assert known_place(folder / ".omninode" / "postgres").joinpath("data").exists()
    assert not _servers(folder)


def _dg(folder: Path, *arguments: str) -> str:
    done = subprocess.run(
        [_DG, *arguments], cwd=folder, env=nothing_set(folder), capture_output=True, text=True, check=False
    )
    output = done.stdout + done.stderr
    assert done.returncode == 0, output
    assert "BetaWarning" not in output
    return output


def _job(key: dg.AssetKey) -> dg.JobDefinition:
    definitions = defs()
    job = dg.define_asset_job("one_asset", selection=dg.AssetSelection.assets(key))
    return dg.Definitions.merge(definitions, dg.Definitions(jobs=[job])).resolve_job_def("one_asset")


def _materialize(
    instance: dg.DagsterInstance, window_type: EnumWindowType, first: str, last: str
) -> dg.ExecuteInProcessResult:
    tags = {"dagster/asset_partition_range_start": first, "dagster/asset_partition_range_end": last}
    return _job(statistics_key(window_type)).execute_in_process(instance=instance, tags=tags)


def _check(instance: dg.DagsterInstance, key: dg.AssetKey) -> bool:
    """Run the checks of an asset without the asset."""
    selection = dg.AssetSelection.checks_for_assets(key)
    job = dg.define_asset_job("one_check", selection=selection)
    definitions = dg.Definitions.merge(defs(), dg.Definitions(jobs=[job]))
    result = definitions.resolve_job_def("one_check").execute_in_process(instance=instance, raise_on_error=False)
    evaluations = result.get_asset_check_evaluations()
    assert evaluations
    # The oracle's is blocking: the run fails with it.
    assert result.success == all(e.passed for e in evaluations if e.check_name.endswith("_oracles"))
    return all(evaluation.passed for evaluation in evaluations)


def _everything_logged(instance: dg.DagsterInstance) -> str:
    return "\n".join(str(entry) for run in instance.get_runs() for entry in instance.all_logs(run.run_id))


def _servers(folder: Path) -> list[psutil.Process]:
    """The processes of the project's PostgreSQL: they work in its data folder."""
    place = known_place(folder / ".omninode" / "postgres")
    return [process for process in psutil.process_iter() if _working_folder(process).is_relative_to(place)]


def _working_folder(process: psutil.Process) -> Path:
    try:
        return Path(process.cwd())
    except psutil.Error:
        return Path("/")
