"""`omninode demo`: one run of everything, from made-up events to the tables."""

import os
import shutil
import sys
from datetime import UTC, datetime
from pathlib import Path

from rich.progress import Progress

from ingest.lake import Lake, open_lake
from ingest.producer import publish
from omninode.cli.door import read_settings
from omninode.cli.loading import LOADED_COLUMNS, Loaded, load, stop_on_signal
from omninode.cli.output import Column, console, print_table
from omninode.cli.produce import made_up
from omninode.cli.progress import phase, phases
from omninode.cli.statistics_table import statistics_columns
from omninode.settings import Settings
from pipelines.lifecycle.replay import LifecycleReplay
from pipelines.parts import kafka, postgres
from pipelines.refresh import Refresher
from sql.connection import Connection, connect, open_pool
from sql.lifecycle_events import LifecycleEvents
from sql.lifecycle_reports import LifecycleReports
from sql.metric_store import MetricStore

#: Fixed, so that every run has the same events.
_START = datetime(2025, 10, 1, tzinfo=UTC)
_STATES = [
    Column("state", lambda row: str(row["current_state"]), is_number=False),
    Column("workflows", lambda row: f"{row['workflows']:,}"),
    Column("transitions", lambda row: f"{row['transitions']:,}"),
]


def run_demo(*, workflows: int, seed: int, days: int) -> None:
    """Publish, ingest, aggregate, and print what there is to see."""
    settings = read_settings()
    lake = open_lake(settings.lake, settings.lake_options)
    with phases() as progress:
        line = phase(progress, "start the database")
        with postgres(settings) as url, connect(url) as connection:
            line.done(1)
            loaded = _load(settings, lake, progress, workflows=workflows, seed=seed, days=days)
            line = phase(progress, "refresh the statistics")
            report = Refresher(lake, MetricStore(connection)).refresh()
            line.done(report.window_count)
            line = phase(progress, "follow the workflows")
            line.done(_follow(lake, url))
            progress.stop()
            _print_tables(connection, loaded)
    _print_places(settings)


def _load(settings: Settings, lake: Lake, progress: Progress, *, workflows: int, seed: int, days: int) -> Loaded:
    with kafka(settings) as cluster:
        line = phase(progress, "make and publish events")
        messages = made_up(workflows=workflows, seed=seed, days=days, start=_START)
        published = publish(cluster, messages, on_progress=line.at)
        line.done(published)
        line = phase(progress, "ingest into the lake", published)
        with stop_on_signal() as stop:
            loaded = load(
                settings, cluster, lake, until_end=True, stop=stop, on_progress=lambda so_far: line.at(so_far.messages)
            )
        line.done(loaded.messages)
        return loaded


def _follow(lake: Lake, url: str) -> int:
    with open_pool(url, max_size=3) as pool:
        return LifecycleReplay(lake, LifecycleEvents(pool)).refresh().looked_at


def _print_tables(connection: Connection, loaded: Loaded) -> None:
    store = MetricStore(connection)
    days = store.read_metrics("daily", "node_type_grouping")
    last_day = [row for row in days if row["window_start"] == days[-1]["window_start"]]
    months = store.read_metrics("monthly", "time_window")
    print_table(last_day, statistics_columns("daily"), title="The last day, by node type")
    print_table(months, statistics_columns("monthly"), title="Each month")
    print_table(LifecycleReports(connection).count_states(), _STATES, title="Where the workflows stand")
    print_table(loaded.rows(), LOADED_COLUMNS, title="Messages of this run")


def _print_places(settings: Settings) -> None:
    database = settings.home / "postgres" if settings.postgres_url is None else "the database that is set"
    out = console()
    out.print(f"events and dead letters: {settings.lake}")
    out.print(f"statistics:              {database} (table codegen_metrics_aggregated)")
    out.print(f"more:                    {_program()} stats --window daily --by domain_grouping")
    out.print(f"                         {_program()} workflow list --state GENERATING")


def _program() -> str:
    """Return how this very program can be called again from here, without a path that leads out of this folder."""
    if shutil.which("omninode"):
        return "omninode"
    called = Path(sys.argv[0])
    if called.name == "__main__.py":
        return f"{_from_here(Path(sys.executable)) or 'python'} -m omninode"
    return _from_here(called) or called.name


def _from_here(program: Path) -> str | None:
    path = os.path.relpath(program)
    return None if path.startswith(os.pardir) else path
