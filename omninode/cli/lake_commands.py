"""The commands that look into the lake: `dead-letters` and `fields`, with what each of them does."""

from typing import Annotated

import typer

from ingest.reasons import Reason
from omninode.cli.choices import CountedBy, FieldType
from omninode.cli.output import OutputFormat

dead_letters = typer.Typer(no_args_is_help=True, help="Look at what ingest refused, and bring it in after a fix.")
fields = typer.Typer(help="List the fields that no contract knows, and make columns of them.")

WhyRefused = Annotated[Reason | None, typer.Option("--reason", help="Only those refused for this reason.")]
Topic = Annotated[str | None, typer.Option(help="Only those of this topic.")]
Since = Annotated[str | None, typer.Option(help="Refused at this time or later, e.g. 2025-10-24T10:00:00Z (UTC).")]
Until = Annotated[str | None, typer.Option(help="Refused before this time, likewise.")]
Format = Annotated[OutputFormat, typer.Option("--format", help="How to print.")]


@dead_letters.command("list")
def list_letters(
    reason: WhyRefused = None,
    topic: Topic = None,
    since: Since = None,
    until: Until = None,
    limit: Annotated[int, typer.Option(min=1, help="How many at most.")] = 100,
    output: Format = OutputFormat.TABLE,
) -> None:
    """Print dead letters, the newest first. A table shows them shortened, json and csv complete."""
    from omninode.cli.dead_letters import run_list, which_letters

    run_list(which_letters(reason, topic, since, until), limit=limit, output=output)


@dead_letters.command("count")
def count_letters(
    by: Annotated[CountedBy, typer.Option(help="What to count by.")] = CountedBy.REASON,
    reason: WhyRefused = None,
    topic: Topic = None,
    since: Since = None,
    until: Until = None,
    output: Format = OutputFormat.TABLE,
) -> None:
    """Count dead letters, and how many of them were re-admitted."""
    from omninode.cli.dead_letters import run_count, which_letters

    run_count(which_letters(reason, topic, since, until), by=by, output=output)


@dead_letters.command("replay")
def replay_letters(
    reason: WhyRefused = None,
    topic: Topic = None,
    since: Since = None,
    until: Until = None,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Only say what would come in.")] = False,
    output: Format = OutputFormat.TABLE,
) -> None:
    """Read dead letters again: what is accepted now becomes an event, in its old place. Each once, however often."""
    from omninode.cli.dead_letters import run_replay, which_letters

    run_replay(which_letters(reason, topic, since, until), dry_run=dry_run, output=output)


@fields.callback(invoke_without_command=True)
def list_fields(context: typer.Context, output: Format = OutputFormat.TABLE) -> None:
    """List the fields of events that no contract knows: how often, in which kinds, of which types, since when."""
    from omninode.cli.fields import run_fields

    if context.invoked_subcommand is None:
        run_fields(output)


@fields.command("promote")
def promote_field(
    name: Annotated[str, typer.Argument(help="The field's name.")],
    field_type: Annotated[FieldType, typer.Option("--type", help="The type of the column.")],
) -> None:
    """Give a field a column of its own, which every writer fills from now on. It stays in `extra`, too."""
    from omninode.cli.fields import run_promote

    run_promote(name, field_type)
