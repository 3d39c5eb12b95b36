"""`omninode registry reconcile` and `consistency`, and the asset, as their users see them."""

import json
from pathlib import Path

import dagster as dg
import pytest

from assets.registry import consistency_schedule, consul_is_consistent, registry_consistency
from omninode.cli.registry_consul import NotRepaired
from omninode.errors import BadInput
from tests.consul import Agent
from tests.registry.conftest import Run
from tests.registry.nodes import node


@pytest.mark.filterwarnings("ignore::dagster.BetaWarning")
def test_both_sides_are_compared_and_repaired(
    run: Run, shared_consul: Agent, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Nodes registered without Consul are found missing, brought there, and found equal; the asset notes the same."""
    nodes = [node(f"command-{number}") for number in range(3)]
    (tmp_path / "nodes.json").write_text(json.dumps(nodes))
    run("register", "nodes.json")
    monkeypatch.setenv("CONSUL_HTTP_ADDR", shared_consul.address)
    assert "command-0, command-1, command-2" in run("reconcile", "--dry-run")
    dry = json.loads(run("reconcile", "--dry-run", "--format", "json"))
    ids = ["command-0", "command-1", "command-2"]
    assert (dry["register"], dry["consistency_after"], dry["owed"]) == (ids, 0.0, 3)
    done = json.loads(run("reconcile", "--format", "json"))
    assert (done["register"], done["consistency_before"], done["consistency_after"], done["owed"]) == (ids, 0, 1, 0)
    shared_consul.ask("agent/service/deregister/command-1", method="PUT")
    seen = json.loads(run("consistency", "--format", "json"))
    assert (round(seen["consistency"], 3), seen["equal"], seen["register"], seen["flapping"]) == (0.667, 2, 1, {})
    assert "66.67%" in run("consistency")
    with dg.DagsterInstance.ephemeral(settings={"telemetry": {"enabled": False}}) as instance:
        result = dg.materialize([registry_consistency, consul_is_consistent], instance=instance)
        (event,) = result.get_asset_materialization_events()
        noted = {name: value.value for name, value in event.materialization.metadata.items()}
        assert (noted["register"], noted["equal"], noted["consistency_after"]) == (1, 2, 1.0)
        assert [check.passed for check in result.get_asset_check_evaluations()] == [True]
        context = dg.build_schedule_context(instance)
        assert len(consistency_schedule.evaluate_tick(context).run_requests or []) == 1
    (registered,) = json.loads(run("register", "--id", "command-0", *_OPTIONS, "--format", "json"))
    assert (registered["status"], registered["consul_registered"]) == ("complete", True)
    shared_consul.ask("agent/service/register", method="PUT", body={"Name": "theirs", "ID": "command-1"})
    with pytest.raises(
        NotRepaired, match="node command-1 is not in Consul, where somebody else has services by these ids"
    ):
        run("reconcile")
    assert json.loads(run("reconcile", "--take-over", "--format", "json").splitlines()[-1])["foreign"] == ["command-1"]
    for name in ids:
        run("deregister", name)
    assert not set(ids) & set(shared_consul.services())


_OPTIONS = ("--name", "MyNode", "--type", "effect", "--version", "2.0.0")


def test_without_consul_it_is_said(run: Run, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture) -> None:
    """There is nothing to compare with, and the remedy is named, once; a bad address is, too."""
    monkeypatch.setenv("PATH", "/nowhere")
    with pytest.raises(BadInput, match="there is no Consul to compare with: set CONSUL_HTTP_ADDR"):
        run("consistency")
    assert caplog.records == []
    monkeypatch.setenv("CONSUL_HTTP_ADDR", "ftp://host")
    with pytest.raises(BadInput, match="CONSUL_HTTP_ADDR: not an address"):
        run("reconcile")
