"""`omninode registry register`, `deregister`, `heartbeat`, `show` and `diff`: their options."""

from typing import Annotated, Any

import typer

from omninode.cli.output import OutputFormat
from omninode.errors import BadInput
from registry.enums import EnumHealthStatus

Format = Annotated[OutputFormat, typer.Option("--format", help="How to print.")]
NodeIds = Annotated[list[str], typer.Argument(help="One id or several.", show_default=False)]


def add_node_commands(registry: typer.Typer) -> None:
    """Add the commands to `omninode registry`."""
    for command in (register, deregister, heartbeat, show, diff):
        registry.command()(command)


def register(
    file: Annotated[
        str | None,
        typer.Argument(help="A file of JSON: one node, a list of nodes, or one a line; - for standard input."),
    ] = None,
    node_id: Annotated[str | None, typer.Option("--id", help="The id of this one running node.")] = None,
    name: Annotated[str | None, typer.Option(help="What the node is, e.g. MyEffectNode.")] = None,
    node_type: Annotated[str | None, typer.Option("--type", help="E.g. effect, compute, reducer.")] = None,
    version: Annotated[str | None, typer.Option(help="A version by SemVer, e.g. 1.0.0.")] = None,
    capability: Annotated[
        list[str] | None, typer.Option(help="What it can do: NAME or NAME=DESCRIPTION. May be repeated.")
    ] = None,
    endpoint: Annotated[list[str] | None, typer.Option(help="Where it is: NAME=URL. May be repeated.")] = None,
    metadata: Annotated[
        list[str] | None, typer.Option(help="NAME=VALUE; numbers and the like are JSON. May be repeated.")
    ] = None,
    ttl: Annotated[int | None, typer.Option(help="Seconds of silence after which it is degraded.")] = None,
    output: Format = OutputFormat.TABLE,
) -> None:
    """Register nodes, or bring what is known of them up to date."""
    from omninode.cli.registry_given import from_file, from_options
    from omninode.cli.registry_nodes import run_register

    check = None if ttl is None else {"ttl_seconds": ttl}
    said: dict[str, Any] = {"node_id": node_id, "node_name": name, "node_type": node_type, "version": version}
    said["health_check"] = check
    node = from_options(said, capabilities=capability or [], endpoints=endpoint or [], metadata=metadata or [])
    if (file is None) == (not node):
        raise BadInput("give a file of nodes, or --id, --name, --type and --version of one")
    run_register([node] if file is None else from_file(file), output)


def deregister(node_ids: NodeIds, output: Format = OutputFormat.TABLE) -> None:
    """Remove nodes. Their history stays."""
    from omninode.cli.registry_nodes import run_deregister

    run_deregister(node_ids, output)


def heartbeat(
    node_ids: NodeIds,
    health: Annotated[EnumHealthStatus, typer.Option(help="How they are.")] = EnumHealthStatus.HEALTHY,
    output: Format = OutputFormat.TABLE,
) -> None:
    """Say that nodes are alive."""
    from omninode.cli.registry_nodes import run_heartbeat

    run_heartbeat(node_ids, health, output)


def show(
    node_id: Annotated[str, typer.Argument(help="The node's id.")],
    as_of: Annotated[str | None, typer.Option(help="As it was then, e.g. 2025-10-24T10:00:00Z (UTC).")] = None,
    output: Format = OutputFormat.TABLE,
) -> None:
    """Print all that is known of a node, now or at a time."""
    from omninode.cli.registry_nodes import run_show

    run_show(node_id, as_of, output)


def diff(
    since: Annotated[str, typer.Argument(metavar="T1", help="A time, e.g. 2025-10-24 or 2025-10-24T10:00:00Z (UTC).")],
    until: Annotated[str | None, typer.Argument(metavar="[T2]", help="A later one; without it, now.")] = None,
    output: Format = OutputFormat.TABLE,
) -> None:
    """Print how the nodes differ between two times."""
    from omninode.cli.registry_nodes import run_diff

    run_diff(since, until, output)
