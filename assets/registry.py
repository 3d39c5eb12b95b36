"""The node registry's two sides compared and repaired, as an asset: what was found and done, to be plotted."""

from pathlib import Path

import dagster as dg

from assets.environment import read_settings
from assets.names import CONSISTENCY, GROUP, OWNERS
from omninode.environment import environment
from registry.consul import ConsulDelivery, default_delivery, is_wanted
from registry.reconcile import Reconciler
from sql.connection import connect
from sql.migrate import migrate
from sql.parts import postgres

_NO_CONSUL = "there is no Consul: set CONSUL_HTTP_ADDR, or put its program on the PATH"
_PLANNED = ("register", "update", "health", "remove", "equal")


@dg.asset(
    key=CONSISTENCY,
    description=(
        "Consul compared with the registered nodes in Postgres, by content: what is missing there is registered, what "
        "differs is brought up to date, and what is ours but not registered any more is removed. Each repair goes by "
        "the outbox."
    ),
    group_name=GROUP,
    owners=OWNERS,
    kinds={"consul", "postgres"},
)
def registry_consistency() -> dg.MaterializeResult[None]:
    """Repair what differs, and note the consistency before and after."""
    settings = read_settings()
    with postgres(settings) as url:
        with connect(url) as connection:
            migrate(connection)
        delivery = default_delivery(url, environment(Path.cwd()), home=settings.home)
        if not isinstance(delivery, ConsulDelivery):
            return dg.MaterializeResult(metadata={"nothing_done": _NO_CONSUL})
        with delivery:
            report = Reconciler(delivery).run()
    return dg.MaterializeResult(
        metadata={
            **{name: len(getattr(report.found, name)) for name in _PLANNED},
            "consistency_before": report.found.consistency,
            "consistency_after": report.left.consistency,
            "owed": report.owed,
            "seconds": round(report.seconds, 3),
        }
    )


@dg.asset_check(
    asset=CONSISTENCY,
    name="consul_is_consistent",
    description="After a reconciliation every node is in Consul as it is in Postgres, and nothing else of ours is.",
)
def consul_is_consistent(context: dg.AssetCheckExecutionContext) -> dg.AssetCheckResult:
    """Read what the latest run noted."""
    event = context.instance.get_latest_materialization_event(CONSISTENCY)
    materialization = None if event is None else event.asset_materialization
    noted = {} if materialization is None else materialization.metadata
    value = noted["consistency_after"].value if "consistency_after" in noted else None
    return dg.AssetCheckResult(
        passed=value == 1.0, severity=dg.AssetCheckSeverity.WARN, metadata={"consistency": value}
    )


def _if_wanted(_: dg.ScheduleEvaluationContext) -> dg.RunRequest | dg.SkipReason:
    return dg.RunRequest() if is_wanted(environment(Path.cwd())) else dg.SkipReason(_NO_CONSUL)


#: On by itself: what a dead process or a restarted agent left behind must not wait for somebody to look.
consistency_schedule = dg.ScheduleDefinition(
    name="registry_consistency_schedule",
    description="Compare Consul with the registered nodes, and repair what differs.",
    target=dg.AssetSelection.assets(CONSISTENCY) | dg.AssetSelection.checks_for_assets(CONSISTENCY),
    cron_schedule="*/5 * * * *",
    execution_timezone="UTC",
    execution_fn=_if_wanted,
    default_status=dg.DefaultScheduleStatus.RUNNING,
)
