"""`omninode up`: everything kept running, used from outside, and ended by a signal."""

import signal
import subprocess
import urllib.request
from collections.abc import Callable
from pathlib import Path
from time import monotonic, sleep

import pytest

from omninode.process import free_port
from tests.command import CommandLine
from tests.consul import Agent

#: How long to wait for what takes some 20 s when nothing else runs: the UI, a database, and two more commands.
SECONDS = 180.0
METRICS = {
    "codegen_generations_total",
    "codegen_generations_successful_total",
    "codegen_generations_failed_total",
    "codegen_generation_duration_seconds_count",
    "codegen_quality_score",
    "aggregation_duration_seconds_count",
    "aggregation_buffer_size",
    "aggregation_items_per_second",
    "ingest_events_total",
    "ingest_committed_offset",
    "ingest_high_watermark",
    "ingest_lag_messages",
    "ingest_event_time_lag_seconds",
    "ingest_batch_rows_count",
    "workflow_state_transitions_total",
    "workflow_state_count",
    "active_workflows_count",
}


@pytest.mark.timeout(600)
def test_events_are_counted_and_aggregated_as_they_come(tmp_path: Path, shared_consul: Agent) -> None:
    """Made-up events reach /metrics and the statistics, a node Consul, and SIGINT ends all of it.

    The UI beside it is opened in tests/browser.
    """
    metrics_port = free_port()
    told = {"OMNINODE_HOME": str(tmp_path / "home"), "DAGSTER_DISABLE_TELEMETRY": "1"}
    command = CommandLine(tmp_path, told | {"CONSUL_HTTP_ADDR": shared_consul.address})
    with command.running("up", "--ui-port", "0", "--metrics-port", str(metrics_port)) as up:
        metrics = f"http://127.0.0.1:{metrics_port}/metrics"
        wait_until(lambda: "aggregation_buffer_size" in answer(metrics), up)
        command.done("produce", "--workflows", "60", "--days", "1")
        wait_until(lambda: "codegen_generations_total{" in answer(metrics), up)
        wait_until(lambda: bool(command.rows("stats", "--window", "monthly")), up)
        wait_until(lambda: "codegen_quality_score{" in answer(metrics), up)
        wait_until(lambda: "workflow_state_transitions_total{" in answer(metrics), up)
        node = ("--id", "up-1", "--name", "MyNode", "--type", "effect", "--version", "1.0.0")
        command.done("registry", "register", *node)
        assert "up-1" in shared_consul.services()
        wait_until(lambda: "\nconsul_postgres_consistency 1.0" in answer(metrics), up)
        command.done("registry", "deregister", "up-1")
        assert "up-1" not in shared_consul.services()
        page = answer(metrics)
        assert {name for name in METRICS if f"\n{name}" in page} == METRICS, page
        ended = sum(row["total_generations"] for row in command.rows("stats", "--window", "monthly"))
        counted = [line for line in answer(metrics).splitlines() if line.startswith("codegen_generations_total{")]
        # A conflicting second end is an event that ended, but not a generation that ended.
        assert sum(float(line.split()[-1]) for line in counted) >= ended > 0
        up.send_signal(signal.SIGINT)
        assert up.wait(SECONDS) == 0
    assert left_over(tmp_path) == []


def test_port_in_use_is_said_at_once(tmp_path: Path) -> None:
    """A port that another program has is named together with its option, and nothing is left running."""
    command = CommandLine(tmp_path, {"OMNINODE_HOME": str(tmp_path / "home")})
    with command.running("up", "--ui-port", "0", "--metrics-port", str(port := free_port())) as up:
        wait_until(lambda: "aggregation_buffer_size" in answer(f"http://127.0.0.1:{port}/metrics"), up)
        refused = command.run("up", "--ui-port", "0", "--metrics-port", str(port))
        assert refused.returncode == 2
        assert "--metrics-port" in refused.stderr
        assert refused.stderr.count("\n") == 1
        up.send_signal(signal.SIGTERM)
        assert up.wait(SECONDS) == 0
    assert left_over(tmp_path) == []


def answer(url: str) -> str:
    """Return what a page says; nothing if it does not answer."""
    try:
        with urllib.request.urlopen(url, timeout=20) as page:
            text: str = page.read().decode()
            return text
    except OSError:
        return ""


def wait_until(happened: Callable[[], bool], up: "subprocess.Popen[str]") -> None:
    """Wait for something that `up` should bring about."""
    deadline = monotonic() + SECONDS
    while not happened():
        assert up.poll() is None, f"it ended by itself: {up.communicate()[1]}"
        assert monotonic() < deadline, "it did not come in time"
        sleep(0.2)


def left_over(folder: Path) -> list[str]:
    """Return the command lines of the processes that still use a folder."""
    lines = []
    for path in Path("/proc").glob("[0-9]*/cmdline"):
        try:
            lines.append(path.read_bytes().replace(b"\0", b" ").decode(errors="replace"))
        except OSError:
            continue
    return [line for line in lines if str(folder) in line]
