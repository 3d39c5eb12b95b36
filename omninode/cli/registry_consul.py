"""`omninode registry reconcile` and `consistency`: compare Consul with Postgres, and print."""

import sys
from collections.abc import Iterator, Sequence
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Any

from omninode.cli.door import read_settings
from omninode.cli.output import Column, OutputFormat, json_text, print_rows
from omninode.environment import environment
from omninode.errors import BadInput, OmninodeError
from registry.consul import ConsulDelivery, default_delivery, is_wanted
from registry.expiry import LATELY
from registry.reconcile import Plan, Reconciler
from sql.expiry_store import ExpiryStore
from sql.parts import postgres

_MOST_SHOWN = 5
#: A node whose health changed so often within ten minutes flaps.
_FLAPS = 4

#: What is called what in the rows.
_REPAIRS = {
    "register": "missing in Consul",
    "update": "other content in Consul",
    "health": "other health in Consul",
    "remove": "orphan in Consul",
    "foreign": "somebody else's in Consul",
}


class NotRepaired(OmninodeError):
    """Something could not be repaired yet."""


def run_reconcile(*, is_dry_run: bool, takes_over: bool, output: OutputFormat) -> None:
    """Repair what differs, or only say what that is. What could not be repaired is an error."""
    with _delivery() as delivery:
        report = Reconciler(delivery).run(is_dry_run=is_dry_run, takes_over=takes_over)
    if output is OutputFormat.JSON:
        said: dict[str, Any] = {name: list(getattr(report.found, name)) for name in _REPAIRS}
        said |= {
            "dry_run": is_dry_run,
            "equal": len(report.found.equal),
            "consistency_before": report.found.consistency,
            "consistency_after": report.left.consistency,
            "owed": report.owed,
            "seconds": round(report.seconds, 3),
        }
        sys.stdout.write(json_text(said) + "\n")
    else:
        print_rows(_rows(report.found), _COLUMNS, output, title="To be repaired" if is_dry_run else "Repaired")
        sys.stderr.write(f"omninode: consistency {report.left.consistency:.2%}, in {report.seconds:.1f} s\n")
    if not is_dry_run and report.left.foreign:
        raise NotRepaired(
            f"{_nodes(report.left.foreign)} not in Consul, where somebody else has services by these ids: remove "
            "those, or have them taken over by `omninode registry reconcile --take-over`"
        )
    if not is_dry_run and report.left.consistency < 1:
        raise NotRepaired(
            f"{report.owed:,} nodes are not in Consul as they should be yet; they are tried on, `omninode registry "
            "consistency` shows how far that is"
        )


def run_consistency(output: OutputFormat) -> None:
    """Print the share of nodes that are equal in both, and what is not as it should be."""
    with _delivery() as delivery:
        plan = Reconciler(delivery).look()
        assert delivery.connections is not None
        expiries = ExpiryStore(delivery.connections)
        said = {
            "consistency": plan.consistency,
            "equal": len(plan.equal),
            **{name: len(getattr(plan, name)) for name in _REPAIRS},
            "owed": delivery.require_outbox().count(),
            "expiry_held_since": expiries.count(LATELY).held_since,
            "flapping": expiries.flapping(10 * LATELY, _FLAPS),
        }
    if output is OutputFormat.JSON:
        sys.stdout.write(json_text(said) + "\n")
        return
    rows = [{"what": name, "value": value} for name, value in said.items()]
    print_rows(rows, _SHARES, output, title="Consul and Postgres")


@contextmanager
def _delivery() -> Iterator[ConsulDelivery]:
    settings, told = read_settings(), environment(Path.cwd())
    if not is_wanted(told):
        raise BadInput("there is no Consul to compare with: set CONSUL_HTTP_ADDR, or put its program on the PATH")
    with postgres(settings) as url, closing(default_delivery(url, told, home=settings.home)) as delivery:
        assert isinstance(delivery, ConsulDelivery)
        yield delivery


def _nodes(node_ids: Sequence[str]) -> str:
    more = f" and {len(node_ids) - 1:,} more are" if len(node_ids) > 1 else " is"
    return f"node {node_ids[0]}{more}"


def _rows(plan: Plan) -> list[dict[str, Any]]:
    rows = []
    for name, what in _REPAIRS.items():
        ids = getattr(plan, name)
        more = f" and {len(ids) - _MOST_SHOWN:,} more" if len(ids) > _MOST_SHOWN else ""
        repair = "take over" if name == "foreign" else name
        rows.append({"what": what, "repair": repair, "nodes": len(ids), "which": ", ".join(ids[:_MOST_SHOWN]) + more})
    return rows


def _shown(value: object) -> str:
    match value:
        case float():
            return f"{value:.2%}"
        case dict():
            return ", ".join(f"{name} ({count}x)" for name, count in value.items()) or "-"
        case _:
            return "-" if value is None else str(value)


_COLUMNS = [
    Column("what", lambda row: str(row["what"]), is_number=False),
    Column("repair", lambda row: str(row["repair"]), is_number=False),
    Column("nodes", lambda row: f"{row['nodes']:,}"),
    Column("which", lambda row: str(row["which"]), is_number=False),
]
_SHARES = [
    Column("what", lambda row: str(row["what"]).replace("_", " "), is_number=False),
    Column("value", lambda row: _shown(row["value"])),
]
