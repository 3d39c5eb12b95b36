"""What Dagster shows: a picture of the graph, to be changed on purpose only."""

import tomllib
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import dagster as dg
import pytest
from dagster._core.definitions.freshness import TimeWindowFreshnessPolicy
from dagster._core.definitions.sensor_definition import SensorExecutionData

from assets.definitions import defs
from assets.environment import first_day
from assets.events import events_spec, without_secrets
from assets.instance import instance_folder, open_instance
from assets.names import statistics_key
from assets.repair import repair_sensor
from assets.schedules import window_before
from assets.ui import ui_command, ui_environment
from ingest.lake import open_lake
from ingest.schema import EVENTS as EVENT_COLUMNS
from omninode.environment import environment
from omninode.errors import BadInput
from pipelines.enums import EnumWindowType
from pipelines.windows import window_of
from sql.metric_rows import METRIC_ROWS
from tests.dagster_project import ROOT
from tests.events import completed
from tests.lakes import append_rows

pytestmark = pytest.mark.filterwarnings("ignore::dagster.BetaWarning")

_STATISTICS = {
    "group": "codegen_metrics",
    "owners": ["team:metrics"],
    "kinds": ["polars", "postgres"],
    "parents": ["events"],
    "external": False,
    "max_partitions_per_run": None,
}
_UPKEEP = {"group": "codegen_metrics", "owners": ["team:metrics"], "external": False, "partitions": None}


@pytest.fixture
def nothing_set(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Path:
    """Stand in an empty folder with no variable set."""
    monkeypatch.chdir(tmp_path)
    for name in ("HOME", "LAKE", "FIRST_DAY", "POSTGRES_URL"):
        monkeypatch.delenv(f"OMNINODE_{name}", raising=False)
    return tmp_path


@pytest.mark.usefixtures("nothing_set")
def test_the_graph_is_the_lake_its_upkeep_and_four_partitioned_statistics_made_from_it() -> None:
    """Names, groups, owners, kinds, partitions, checks and parents of all assets."""
    graph = defs().resolve_asset_graph()
    shown = {key.to_user_string(): _picture(graph, key) for key in graph.get_all_asset_keys()}
    assert shown == {
        "events": {
            "group": "codegen_metrics",
            "owners": ["team:metrics"],
            "kinds": ["deltalake", "kafka", "parquet"],
            "parents": [],
            "external": True,
            "partitions": None,
            "checks": ["events_are_sound"],
        },
        "lake_compaction": _UPKEEP
        | {"kinds": ["deltalake", "parquet", "polars"], "parents": ["events"], "checks": ["row_counts_agree"]},
        "lake_retention": _UPKEEP
        | {"kinds": ["deltalake", "parquet"], "parents": ["events", "lake_compaction"], "checks": []},
        "workflow_lifecycle": _UPKEEP
        | {"kinds": ["polars", "postgres"], "parents": ["events"], "checks": ["histories_lead_to_states"]},
        "registry_consistency": _UPKEEP
        | {"kinds": ["consul", "postgres"], "parents": [], "checks": ["consul_is_consistent"]},
        "hourly_statistics": _STATISTICS
        | {
            "partitions": ("2025-01-01-00:00", "0 * * * *", "UTC", 1),
            "checks": ["hourly_rows_agree", "hourly_rows_equal_the_oracles"],
        },
        "daily_statistics": _STATISTICS
        | {
            "partitions": ("2025-01-01", "0 0 * * *", "UTC", 1),
            "checks": ["daily_rows_agree", "daily_rows_equal_the_oracles"],
        },
        "weekly_statistics": _STATISTICS
        | {
            "partitions": ("2024-12-30", "0 0 * * 1", "UTC", 1),
            "checks": ["weekly_rows_agree", "weekly_rows_equal_the_oracles"],
        },
        "monthly_statistics": _STATISTICS
        | {
            "partitions": ("2025-01-01", "0 0 1 * *", "UTC", 1),
            "checks": ["monthly_rows_agree", "monthly_rows_equal_the_oracles"],
        },
    }


@pytest.mark.usefixtures("nothing_set")
def test_every_asset_check_and_schedule_is_described() -> None:
    """Nobody has to guess what a thing in the UI is for."""
    definitions = defs()
    graph = definitions.resolve_asset_graph()
    described = [graph.get(key).description for key in graph.get_all_asset_keys()]
    described += [graph.get_check_spec(key).description for key in graph.asset_check_keys]
    described += [schedule.description for schedule in definitions.schedules or [] if hasattr(schedule, "description")]
    described += [sensor.description for sensor in definitions.sensors or [] if hasattr(sensor, "description")]
    assert len(described) == 9 + 12 + 8 + 1
    assert all(described)


@pytest.mark.usefixtures("nothing_set")
def test_the_first_partition_is_that_of_the_first_day(monkeypatch: pytest.MonkeyPatch) -> None:
    """OMNINODE_FIRST_DAY begins all partition sets, at the window that holds it."""
    monkeypatch.setenv("OMNINODE_FIRST_DAY", "2024-02-29")
    graph = defs().resolve_asset_graph()
    first = {
        key.to_user_string(): partitions.get_first_partition_key()
        for key in graph.get_all_asset_keys()
        if isinstance(partitions := graph.get(key).partitions_def, dg.TimeWindowPartitionsDefinition)
    }
    assert first == {
        "hourly_statistics": "2024-02-29-00:00",
        "daily_statistics": "2024-02-29",
        "weekly_statistics": "2024-02-26",
        "monthly_statistics": "2024-02-01",
    }


def test_a_first_day_that_is_none_is_refused() -> None:
    """The message names the variable and shows how to write it."""
    with pytest.raises(BadInput, match="OMNINODE_FIRST_DAY: '2025-02-30' is no date; write it as 2025-01-01"):
        first_day("2025-02-30")


def test_a_file_of_variables_is_read_and_overruled(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """`.env` fills in what the environment leaves open."""
    (tmp_path / ".env").write_text("OMNINODE_LAKE=from-file\nOMNINODE_ENV=from-file\n")
    monkeypatch.delenv("OMNINODE_LAKE", raising=False)
    monkeypatch.setenv("OMNINODE_ENV", "from-process")
    found = environment(tmp_path)
    assert (found["OMNINODE_LAKE"], found["OMNINODE_ENV"]) == ("from-file", "from-process")


def test_the_events_show_their_place_and_columns(nothing_set: Path) -> None:
    """The place is that of the Delta table, for whoever wants to read it."""
    spec = events_spec(str(nothing_set / "lake"))
    assert spec.metadata["dagster/uri"] == str(nothing_set / "lake" / "events")
    assert "event_time" in [column.name for column in spec.metadata["dagster/column_schema"].columns]


@pytest.mark.parametrize(
    ("url", "shown"),
    [
        ("/srv/lake", "/srv/lake"),
        ("s3://bucket/lake", "s3://bucket/lake"),
        ("s3://key:secret@bucket/lake", "s3://bucket/lake"),
        ("abfss://c@account/lake?sig=secret#secret", "abfss://account/lake"),
    ],
)
def test_no_secret_of_the_lakes_url_is_shown(url: str, shown: str) -> None:
    """User, password, query and fragment are left out."""
    assert without_secrets(url) == shown


@pytest.mark.usefixtures("nothing_set")
def test_schedules_are_off_and_ask_for_the_window_that_just_ended() -> None:
    """The hour before, yesterday, last week from Monday, last month."""
    definitions = defs()
    repository = definitions.get_repository_def()
    wanted = {
        "hourly": ("2025-03-03T00:10:00", "2025-03-02-23:00"),
        "daily": ("2025-03-01T00:20:00", "2025-02-28"),
        "weekly": ("2025-03-03T00:30:00", "2025-02-24"),
        "monthly": ("2025-04-01T00:40:00", "2025-03-01"),
    }
    for window_type, (time, key) in wanted.items():
        schedule = definitions.resolve_schedule_def(f"{window_type}_statistics_schedule")
        assert schedule.default_status is dg.DefaultScheduleStatus.STOPPED
        at = datetime.fromisoformat(time).replace(tzinfo=UTC)
        context = dg.build_schedule_context(scheduled_execution_time=at, repository_def=repository)
        requests = schedule.evaluate_tick(context).run_requests or []
        assert [request.partition_key for request in requests] == [key]
        assert [(request.run_key, request.tags["omninode/trigger"]) for request in requests] == [(key, "schedule")]


@pytest.mark.usefixtures("nothing_set")
def test_the_statistics_say_how_fresh_they_should_be_who_writes_and_what_they_are_made_from() -> None:
    """A policy, a pool of their own, a named condition and the lineage of their columns; the oracle's check blocks."""
    graph = defs().resolve_asset_graph()
    labels = set()
    for window_type in EnumWindowType:
        node = graph.get(statistics_key(window_type))
        assert isinstance(node.freshness_policy, TimeWindowFreshnessPolicy)
        assert node.pools == {f"{window_type.value}_windows"}
        assert node.automation_condition is not None
        labels.add(node.automation_condition.get_label())
        lineage = node.metadata["dagster/column_lineage"].deps_by_column
        assert {dep.column_name for deps in lineage.values() for dep in deps} <= set(EVENT_COLUMNS)
        assert set(lineage) <= set(METRIC_ROWS)
        blocking = {key.name: graph.get_check_spec(key).blocking for key in graph.get_check_keys_for_assets({node.key})}
        assert blocking[f"{window_type.value}_rows_equal_the_oracles"]
    assert labels == {"missing_hours", "late_hours"}


@pytest.mark.usefixtures("nothing_set")
def test_a_late_hour_asks_for_the_day_the_week_and_the_month_that_hold_it() -> None:
    """However old it is, and once; the stream's own report of the day leaves nothing to ask for."""
    definitions, instance = defs(), dg.DagsterInstance.ephemeral()

    def asked(cursor: Any) -> tuple[dict[str, set[str]], Any]:
        selection = dg.AssetSelection.assets(*(statistics_key(type_) for type_ in EnumWindowType if type_ != "hourly"))
        result = dg.evaluate_automation_conditions(definitions, instance, selection, cursor=cursor)
        keys = {statistics_key(type_): type_.value for type_ in EnumWindowType}
        found = {name: set(result.get_requested_partitions(key)) for key, name in keys.items() if name != "hourly"}
        return {name: {str(key) for key in of_type} for name, of_type in found.items() if of_type}, result.cursor

    def report(window_type: EnumWindowType, key: str) -> None:
        instance.report_runless_asset_event(dg.AssetMaterialization(statistics_key(window_type), partition=key))

    before, cursor = asked(None)
    assert before == {}
    report(EnumWindowType.HOURLY, "2025-03-01-05:00")
    late, cursor = asked(cursor)
    assert late == {"daily": {"2025-03-01"}, "weekly": {"2025-02-24"}, "monthly": {"2025-03-01"}}
    again, cursor = asked(cursor)
    assert again == {}
    report(EnumWindowType.HOURLY, "2025-03-02-05:00")
    report(EnumWindowType.DAILY, "2025-03-02")
    rest, cursor = asked(cursor)
    assert rest == {"weekly": {"2025-02-24"}, "monthly": {"2025-03-01"}}


def test_the_repair_sensor_asks_once_for_each_version_of_the_lake(nothing_set: Path) -> None:
    """Its cursor is the lake and its version; nothing new, no run; and the run key keeps a second one away."""
    sensor = repair_sensor()
    assert sensor.default_status is dg.DefaultSensorStatus.STOPPED
    lake = open_lake(str(nothing_set / ".omninode" / "lake"))
    assert not _tick(sensor, None).run_requests
    append_rows(lake, [completed()], name="one")
    first = _tick(sensor, None)
    assert [request.run_key for request in first.run_requests or []] == [f"{lake.lake_id}:1"]
    assert not _tick(sensor, first.cursor).run_requests
    append_rows(lake, [completed("w2")], name="two")
    assert [request.run_key for request in _tick(sensor, first.cursor).run_requests or []] == [f"{lake.lake_id}:2"]


def _tick(sensor: dg.SensorDefinition, cursor: str | None) -> SensorExecutionData:
    return sensor.evaluate_tick(dg.build_sensor_context(cursor=cursor))


def test_the_window_before_is_over() -> None:
    """On a boundary, the window that ends there is over."""
    start = first_day("2025-03-30")
    for window_type in EnumWindowType:
        before = window_before(start, window_type)
        assert before.end <= start
        assert before.end == window_of(start, window_type).start


def test_an_instance_without_a_file_gets_the_choices_of_the_repositorys_own(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The same telemetry, the same number of runs at a time, and one of a pool."""
    monkeypatch.chdir(tmp_path)
    (tmp_path / "dagster.yaml").write_text((ROOT / "dagster.yaml").read_text())
    choices = []
    for folder in (tmp_path, instance_folder(tmp_path / ".omninode")):
        with open_instance(folder) as instance:
            queue = instance.get_concurrency_config().run_queue_config
            assert queue is not None
            pools = instance.get_concurrency_config().pool_config.default_pool_limit
            choices.append((instance.telemetry_enabled, queue.max_concurrent_runs, pools))
    assert choices == [(False, 2, 1), (False, 2, 1)]


def test_a_dagster_yaml_that_is_there_is_kept(tmp_path: Path) -> None:
    """Somebody may have written their own."""
    folder = instance_folder(tmp_path)
    (folder / "dagster.yaml").write_text("telemetry: {enabled: true}\n")
    assert instance_folder(tmp_path) == folder
    assert (folder / "dagster.yaml").read_text() == "telemetry: {enabled: true}\n"


def test_both_instances_keep_their_runs_in_the_same_place(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """What `omninode up` ran is seen by `dg dev`, and the other way round."""
    monkeypatch.chdir(tmp_path)
    with open_instance(instance_folder(tmp_path / ".omninode")) as instance:
        instance.add_run_tags(instance.create_run_for_job(_job()).run_id, {"seen": "yes"})
    (tmp_path / "dagster.yaml").write_text((ROOT / "dagster.yaml").read_text())
    with open_instance(tmp_path) as instance:
        assert [run.tags.get("seen") for run in instance.get_runs()] == ["yes"]


def test_the_ui_is_bound_to_loopback_and_gets_absolute_folders(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Nobody on the network reaches it unless asked for."""
    command = ui_command(3070)
    assert command[command.index("--host") + 1] == "127.0.0.1"
    assert command[command.index("--port") + 1] == "3070"
    monkeypatch.chdir(tmp_path)
    home = Path(".omninode")
    variables = ui_environment(home, instance_folder(home))
    assert variables == {
        "OMNINODE_HOME": str(tmp_path / ".omninode"),
        "DAGSTER_HOME": str(tmp_path / ".omninode" / "dagster"),
        "DAGSTER_DISABLE_TELEMETRY": "1",
    }


def test_all_ways_to_start_the_ui_call_the_definitions_by_one_name() -> None:
    """Dagster remembers under that name which schedules are on."""
    command = ui_command(3070)
    module = command[command.index("--module-name") + 1]
    tool = tomllib.loads((ROOT / "pyproject.toml").read_text())["tool"]
    assert tool["dg"]["project"]["code_location_target_module"] == module
    assert tool["dg"]["project"]["code_location_name"] == module
    assert tool["dagster"] == {"module_name": module, "code_location_name": module}


def _job() -> dg.JobDefinition:
    @dg.job
    def nothing() -> None:
        """Do nothing."""

    return nothing


def _picture(graph: Any, key: dg.AssetKey) -> dict[str, object]:
    node = graph.get(key)
    picture: dict[str, object] = {
        "group": node.group_name,
        "owners": list(node.owners),
        "kinds": sorted(node.kinds or []),
        "parents": sorted(parent.to_user_string() for parent in node.parent_keys),
        "external": node.is_external,
        "partitions": None,
        "checks": sorted(check.name for check in node.check_keys),
    }
    partitions = node.partitions_def
    if isinstance(partitions, dg.TimeWindowPartitionsDefinition):
        first = partitions.get_first_partition_key()
        picture["partitions"] = (first, partitions.cron_schedule, partitions.timezone, partitions.end_offset)
        assert node.backfill_policy is not None
        picture["max_partitions_per_run"] = node.backfill_policy.max_partitions_per_run
    return picture
