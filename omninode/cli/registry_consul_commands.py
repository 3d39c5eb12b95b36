"""`omninode registry reconcile` and `consistency`: their options."""

from typing import Annotated

import typer

from omninode.cli.output import OutputFormat

Format = Annotated[OutputFormat, typer.Option("--format", help="How to print.")]


def add_consul_commands(registry: typer.Typer) -> None:
    """Add both commands to `omninode registry`."""
    registry.command()(reconcile)
    registry.command()(consistency)


def reconcile(
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Only say what differs.")] = False,
    take_over: Annotated[
        bool, typer.Option("--take-over", help="Replace services of others that have the id of a node.")
    ] = False,
    output: Format = OutputFormat.TABLE,
) -> None:
    """Compare Consul with Postgres, and repair in Consul what differs."""
    from omninode.cli.registry_consul import run_reconcile

    run_reconcile(is_dry_run=dry_run, takes_over=take_over, output=output)


def consistency(output: Format = OutputFormat.TABLE) -> None:
    """Print the share of the nodes that are equal in Consul and Postgres, and what is not as it should be."""
    from omninode.cli.registry_consul import run_consistency

    run_consistency(output)
