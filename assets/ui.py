"""How Dagster's UI and daemon are started."""

import sys
from pathlib import Path


def ui_command(port: int, *, host: str = "127.0.0.1") -> list[str]:
    """Return the command that serves the UI and runs the daemon until it gets SIGINT or SIGTERM.

    Give it `ui_environment`. It must start with default signals, and be ended with one of these two: killed with -9
    it leaves its children running.
    """
    # `dg dev` is for development and not in every installation, so Dagster's remark about it is of no use here.
    dagster_dev = [sys.executable, "-W", "ignore", "-m", "dagster", "dev"]
    return [
        *dagster_dev,
        *("--module-name", "assets.definitions"),
        *("--host", host),
        *("--port", str(port)),
        *("--log-level", "error"),
    ]


def ui_environment(home: Path, instance_folder: Path) -> dict[str, str]:
    """Return the variables that the command needs beside those of its parent."""
    return {
        "OMNINODE_HOME": str(home.absolute()),
        "DAGSTER_HOME": str(instance_folder),
        # dagster.yaml says it, too, but not to everything that Dagster starts.
        "DAGSTER_DISABLE_TELEMETRY": "1",
    }
