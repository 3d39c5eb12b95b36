"""The commands about the lifecycle of workflows."""

from typing import Annotated

import typer

from omninode.cli.output import OutputFormat

workflow = typer.Typer(no_args_is_help=True, help="Where workflows stand, how they got there, and which are stuck.")

Format = Annotated[OutputFormat, typer.Option("--format", help="How to print.")]
WorkflowId = Annotated[str, typer.Argument(help="The workflow's UUID.")]
Limit = Annotated[int, typer.Option(min=1, help="How many at most.")]


@workflow.command()
def show(workflow_id: WorkflowId, output: Format = OutputFormat.TABLE) -> None:
    """Print where one workflow stands."""
    from omninode.cli.workflow import run_show

    run_show(workflow_id, output)


@workflow.command()
def history(workflow_id: WorkflowId, output: Format = OutputFormat.TABLE) -> None:
    """Print the whole timeline of one workflow: what was made, what was refused, and by whom."""
    from omninode.cli.workflow import run_history

    run_history(workflow_id, output)


@workflow.command("list")
def list_workflows(
    state: Annotated[str | None, typer.Option(help="Only those in this state, e.g. GENERATING.")] = None,
    stuck: Annotated[
        bool, typer.Option("--stuck", help="Only active ones that are in their state for too long.")
    ] = False,
    longer_than: Annotated[
        str | None, typer.Option(help="With --stuck: longer than this instead, e.g. 90m, 36h or 7d.")
    ] = None,
    correlation_id: Annotated[
        str | None, typer.Option(help="Only those that ever had this correlation id, archived ones too.")
    ] = None,
    limit: Limit = 100,
    output: Format = OutputFormat.TABLE,
) -> None:
    """Print workflows, the longest in their state first.

    Stuck is who is longer in a state than the p99 of the stays in it, and than a minute. Where fewer than 100 stays
    are known (see `omninode workflow times`), it is who is there for longer than a day.
    """
    from omninode.cli.workflow import run_list

    run_list(
        state=state,
        stuck=stuck,
        longer_than=longer_than,
        correlation_id=correlation_id,
        limit=limit,
        output=output,
    )


@workflow.command()
def times(output: Format = OutputFormat.TABLE) -> None:
    """Print how long workflows stay in each state until they leave it: p50, p95, p99."""
    from omninode.cli.workflow_reports import run_times

    run_times(output)


@workflow.command()
def distribution(
    start: Annotated[str | None, typer.Option(help="First instant (UTC); a week before the end if not given.")] = None,
    end: Annotated[str | None, typer.Option(help="Last instant (UTC); now if not given.")] = None,
    every: Annotated[str, typer.Option(help="Time between two instants, e.g. 90m, 6h or 1d.")] = "1d",
    output: Format = OutputFormat.TABLE,
) -> None:
    """Print how many workflows stood in each state over time."""
    from omninode.cli.workflow_reports import run_distribution

    run_distribution(start=start, end=end, every=every, output=output)


@workflow.command()
def refused(output: Format = OutputFormat.TABLE) -> None:
    """Print the transitions that were refused or contradict others, the most frequent first."""
    from omninode.cli.workflow_reports import run_refused

    run_refused(output)


@workflow.command()
def retries(output: Format = OutputFormat.TABLE) -> None:
    """Print how many workflows came to a first, second, ... attempt, and what became of it."""
    from omninode.cli.workflow_reports import run_retries

    run_retries(output)


@workflow.command()
def refresh(
    everything: Annotated[bool, typer.Option("--all", help="Every workflow of the lake, changed or not.")] = False,
    output: Format = OutputFormat.TABLE,
) -> None:
    """Bring in what the lake's events say of workflows."""
    from omninode.cli.workflow_upkeep import run_refresh

    run_refresh(everything=everything, output=output)


@workflow.command()
def cleanup(
    older_than: Annotated[str, typer.Option(help="How long they have been at their end, e.g. 36h or 7d.")] = "30d",
    output: Format = OutputFormat.TABLE,
) -> None:
    """Move ended workflows with their histories from the database into the lake."""
    from omninode.cli.workflow_upkeep import run_cleanup

    run_cleanup(older_than=older_than, output=output)
