"""When Consul is compared with the registry by itself."""

from pathlib import Path

import dagster as dg
import pytest

from assets.definitions import defs

pytestmark = pytest.mark.filterwarnings("ignore::dagster.BetaWarning")


def test_it_runs_every_five_minutes_if_there_is_a_consul(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The schedule is on; without an agent or a program of our own a tick says why it asks for nothing."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("PATH", str(tmp_path))
    monkeypatch.delenv("CONSUL_HTTP_ADDR", raising=False)
    schedule = defs().resolve_schedule_def("registry_consistency_schedule")
    assert (schedule.default_status, schedule.cron_schedule) == (dg.DefaultScheduleStatus.RUNNING, "*/5 * * * *")
    tick = schedule.evaluate_tick(dg.build_schedule_context())
    assert (tick.run_requests, "CONSUL_HTTP_ADDR" in str(tick.skip_message)) == ([], True)
    monkeypatch.setenv("CONSUL_HTTP_ADDR", "127.0.0.1:8500")
    assert len(schedule.evaluate_tick(dg.build_schedule_context()).run_requests or []) == 1
