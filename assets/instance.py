"""Dagster's own instance for one machine, under the state folder: runs, events and logs."""

from pathlib import Path

import dagster as dg

#: The same choices as in the root `dagster.yaml`; the places are Dagster's defaults in its home.
_DAGSTER_YAML = """\
telemetry:
  enabled: false
concurrency:
  runs:
    max_concurrent_runs: 2
  pools:
    default_limit: 1
"""


def instance_folder(home: Path) -> Path:
    """Return the folder to be DAGSTER_HOME in a state folder, made if need be. A dagster.yaml in it is left as it is.

    `dg dev` at the root of the repository keeps its runs in the same place.
    """
    folder = (home / "dagster").absolute()
    folder.mkdir(parents=True, exist_ok=True)
    try:
        with (folder / "dagster.yaml").open("x", encoding="utf-8") as file:
            file.write(_DAGSTER_YAML)
    except FileExistsError:
        pass
    return folder


def open_instance(folder: Path) -> dg.DagsterInstance:
    """Open the instance whose dagster.yaml is in this folder. As a context manager it closes itself."""
    return dg.DagsterInstance.from_config(str(folder))
