"""A year of hours, backfilled by one Dagster run, beside the bare computation of the same rows."""

import os
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta
from pathlib import Path
from unittest.mock import patch

import dagster as dg

from assets.definitions import defs
from assets.instance import instance_folder, open_instance
from assets.names import statistics_key
from assets.partitions import key_of
from ingest.lake import Lake
from pipelines.compute import rows_of
from pipelines.enums import EnumWindowType
from pipelines.snapshot import snapshot_of
from pipelines.windows import Window, windows_between
from tests.benchmarks.harness import Benchmark, NotMeasured, Result, interleaved, ratio_of_medians, stopwatch
from tests.benchmarks.year import END, year_of_generations

_DAYS = 365
_GENERATIONS_PER_DAY = 27_400
_ROUNDS = 3
_HOURLY = EnumWindowType.HOURLY


def measure(folder: Path) -> Result:
    """Compute 8,760 hours of 10 million generations both ways, the rows of the run being in Postgres at its end."""
    lake = year_of_generations(folder / "lake", days=_DAYS, generations_per_day=_GENERATIONS_PER_DAY)
    windows = windows_between(END - timedelta(days=_DAYS), END, _HOURLY)
    with _at_home(folder), open_instance(instance_folder(folder / "home")) as instance:
        sides = {"bare": lambda: _bare(lake, windows), "run": lambda: _run(instance, windows, with_checks=False)}
        taken = interleaved(sides, rounds=_ROUNDS)
        checked = _run(instance, windows, with_checks=True)
    detail = {
        "bare_s": [round(seconds, 1) for seconds in taken["bare"]],
        "run_s": [round(seconds, 1) for seconds in taken["run"]],
        "run_with_checks_s": round(checked, 1),
        "partitions": len(windows),
        "generations": _DAYS * _GENERATIONS_PER_DAY,
    }
    return Result(ratio_of_medians(taken["bare"], taken["run"]), detail)


def _bare(lake: Lake, windows: list[Window]) -> float:
    with stopwatch() as elapsed:
        rows = rows_of(snapshot_of(lake), {_HOURLY: windows}, as_of=END)
        seconds = elapsed()
    if rows["total_generations"].sum() != 4 * _DAYS * _GENERATIONS_PER_DAY:
        raise NotMeasured("the rows do not hold all generations by each of the four strategies")
    return seconds


def _run(instance: dg.DagsterInstance, windows: list[Window], *, with_checks: bool) -> float:
    selection = dg.AssetSelection.assets(statistics_key(_HOURLY))
    job = dg.define_asset_job("backfill", selection if with_checks else selection.without_checks())
    resolved = dg.Definitions.merge(defs(), dg.Definitions(jobs=[job])).resolve_job_def("backfill")
    tags = {
        "dagster/asset_partition_range_start": key_of(windows[0]),
        "dagster/asset_partition_range_end": key_of(windows[-1]),
    }
    with stopwatch() as elapsed:
        result = resolved.execute_in_process(instance=instance, tags=tags)
        seconds = elapsed()
    done = len(result.get_asset_materialization_events())
    if done != len(windows):
        raise NotMeasured(f"{done} partitions were materialised instead of {len(windows)}")
    return seconds


@contextmanager
def _at_home(folder: Path) -> Iterator[None]:
    """Set what the run reads from the environment."""
    first_day = (END - timedelta(days=_DAYS)).date().isoformat()
    variables = {
        "OMNINODE_HOME": str(folder / "home"),
        "OMNINODE_LAKE": str(folder / "lake"),
        "OMNINODE_FIRST_DAY": first_day,
    }
    with patch.dict(os.environ, variables):
        yield


BACKFILL_VS_BARE = Benchmark("backfill_vs_bare", "ratio", 0.5, "higher", measure)
