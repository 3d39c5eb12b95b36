"""The commands and their options. What a command needs is imported when it runs, so that `--help` is quick."""

from pathlib import Path
from typing import Annotated

import typer

from omninode.cli import lake_commands, workflow_commands
from omninode.cli.output import OutputFormat
from omninode.cli.registry_commands import add_node_commands
from omninode.cli.registry_consul_commands import add_consul_commands
from omninode.cli.registry_search_commands import add_search_commands
from pipelines.enums import EnumAggregationType, EnumWindowType

app = typer.Typer(
    name="omninode",
    help="How code generations go: from events in Kafka to statistics in Postgres.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
)
app.add_typer(lake_commands.dead_letters, name="dead-letters")
app.add_typer(lake_commands.fields, name="fields")
app.add_typer(workflow_commands.workflow, name="workflow")


Workflows = Annotated[int, typer.Option(min=1, help="How many workflows to make up.")]
Seed = Annotated[int, typer.Option(help="The same seed gives the same events.")]
Days = Annotated[int, typer.Option(min=1, max=3650, help="Over how many days.")]
Format = Annotated[OutputFormat, typer.Option("--format", help="How to print.")]
Start = Annotated[str | None, typer.Option(help="First time, e.g. 2025-10-24 or 2025-10-24T10:00:00Z (UTC).")]
End = Annotated[str | None, typer.Option(help="First time that is no longer in, likewise.")]


@app.command()
def demo(workflows: Workflows = 20_000, seed: Seed = 42, days: Days = 35) -> None:
    """One run of everything: make events, publish, ingest, aggregate, print the tables, stop."""
    from omninode.cli.demo import run_demo

    run_demo(workflows=workflows, seed=seed, days=days)


@app.command()
def up(
    ui_port: Annotated[int, typer.Option(help="Port of the Dagster UI; 0 leaves it out.")] = 3000,
    metrics_port: Annotated[int, typer.Option(help="Port of /metrics; 0 takes a free one.")] = 9464,
) -> None:
    """Keep everything running: broker, database, ingest, statistics, the Dagster UI and /metrics."""
    from omninode.cli.up import run_up

    run_up(ui_port=ui_port, metrics_port=metrics_port)


@app.command()
def produce(
    workflows: Workflows = 1_000,
    seed: Seed = 42,
    days: Days = 7,
    start: Annotated[str, typer.Option(help="When the first workflow starts (UTC).")] = "2025-10-01",
) -> None:
    """Publish made-up events to Kafka."""
    from omninode.cli.produce import run_produce

    run_produce(workflows=workflows, seed=seed, days=days, start=start)


@app.command()
def replay(
    file: Annotated[Path, typer.Argument(help="A file of JSON lines, one event a line.")],
    output: Format = OutputFormat.TABLE,
) -> None:
    """Publish a file's events to Kafka, ingest them and refresh what they touched."""
    from omninode.cli.replay import run_replay

    run_replay(file, output)


@app.command()
def ingest(
    until_end: Annotated[bool, typer.Option("--until-end", help="Stop at the end of the topics.")] = False,
    all_partitions: Annotated[
        bool,
        typer.Option("--all-partitions", help="Read all partitions, instead of sharing them with others of the group."),
    ] = False,
    output: Format = OutputFormat.TABLE,
) -> None:
    """Move events from Kafka into the lake, until interrupted. Start it several times to share the partitions."""
    from omninode.cli.ingest import run_ingest

    run_ingest(until_end=until_end, all_partitions=all_partitions, output=output)


@app.command()
def lag(output: Format = OutputFormat.TABLE) -> None:
    """Print how far the lake is behind Kafka, for each partition."""
    from omninode.cli.lag import run_lag

    run_lag(output)


@app.command()
def gaps(output: Format = OutputFormat.TABLE) -> None:
    """Print the messages that Kafka did not have any more when they were to be read."""
    from omninode.cli.gaps import run_gaps

    run_gaps(output)


@app.command()
def refresh(
    window: Annotated[EnumWindowType | None, typer.Option(help="Compute these windows again, changed or not.")] = None,
    start: Start = None,
    end: End = None,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Print which rows would change, and change none.")] = False,
    output: Format = OutputFormat.TABLE,
) -> None:
    """Compute the statistics of the windows that changed in the lake since the last time."""
    from omninode.cli.refresh import run_refresh

    run_refresh(window=window, start=start, end=end, dry_run=dry_run, output=output)


@app.command()
def stats(
    window: Annotated[EnumWindowType, typer.Option(help="Length of the windows.")] = EnumWindowType.DAILY,
    by: Annotated[
        str,
        typer.Option(
            help=f"One of {', '.join(EnumAggregationType)}; or any of node_type, domain, quality_bucket, model and "
            "stage, with commas between them, computed from the lake."
        ),
    ] = EnumAggregationType.TIME_WINDOW.value,
    start: Start = None,
    end: End = None,
    output: Format = OutputFormat.TABLE,
) -> None:
    """Print the statistics, ordered by window, then group."""
    from omninode.cli.stats import run_stats

    run_stats(window=window, by=by, start=start, end=end, output=output)


@app.command()
def explain(
    aggregation_id: Annotated[str, typer.Argument(help="The row's id, as `omninode stats --format json` prints it.")],
    limit: Annotated[int, typer.Option(min=0, help="How many generations to list; 0 lists all.")] = 20,
    output: Format = OutputFormat.TABLE,
) -> None:
    """Show the generations and events behind a row of the statistics, and compute it again from the lake."""
    from omninode.cli.explain import run_explain

    run_explain(aggregation_id, limit=limit, output=output)


@app.command()
def migrate() -> None:
    """Bring the database's tables up to this version."""
    from omninode.cli.migrate import run_migrate

    run_migrate()


lake = typer.Typer(help="Upkeep of the lake. Dagster does both by itself where it runs.", no_args_is_help=True)
app.add_typer(lake, name="lake")

DryRun = Annotated[bool, typer.Option("--dry-run", help="Say what would be done, and do nothing.")]


@lake.command()
def compact(dry_run: DryRun = False, output: Format = OutputFormat.TABLE) -> None:
    """Merge small files into large ones, each checked before it takes their place."""
    from omninode.cli.lake import run_compact

    run_compact(dry_run=dry_run, output=output)


@lake.command()
def vacuum(
    older_than: Annotated[
        str | None, typer.Option(help="Age of what goes, e.g. 7d or 36h; OMNINODE_LAKE_RETENTION if not given.")
    ] = None,
    dry_run: DryRun = False,
    output: Format = OutputFormat.TABLE,
) -> None:
    """Remove the files and the log that only versions older than that need, and files that were never committed."""
    from omninode.cli.lake import run_vacuum

    run_vacuum(older_than=older_than, dry_run=dry_run, output=output)


registry = typer.Typer(help="The registered nodes.", no_args_is_help=True)
app.add_typer(registry, name="registry")
add_node_commands(registry)
add_consul_commands(registry)
add_search_commands(registry)
