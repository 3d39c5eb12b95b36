"""Progress of long work, on standard error: standard output is for results."""

from collections.abc import Iterator
from contextlib import contextmanager

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, SpinnerColumn, TaskID, TextColumn, TimeElapsedColumn


class Phase:
    """One line of progress: so many of so many."""

    def __init__(self, progress: Progress, task: TaskID) -> None:
        self._progress = progress
        self._task = task

    def at(self, count: int) -> None:
        """Show how many are done."""
        self._progress.update(self._task, completed=count)

    def done(self, count: int) -> None:
        """Show that this is all."""
        self._progress.update(self._task, completed=count, total=max(count, 1))


@contextmanager
def phases() -> Iterator[Progress]:
    """Show the lines of progress for as long as the block runs."""
    columns = (
        SpinnerColumn(finished_text="[green]✓"),
        TextColumn("{task.description:<32}"),
        BarColumn(bar_width=30),
        MofNCompleteColumn(),
        TimeElapsedColumn(),
    )
    with Progress(*columns, console=Console(stderr=True)) as progress:
        try:
            yield progress
        except BaseException:
            # What failed is said by its error, not by a line that stands still.
            for task in progress.tasks:
                progress.update(task.id, visible=task.finished)
            raise


def phase(progress: Progress, name: str, total: int | None = None) -> Phase:
    """Add a line. Without a total it just shows that it is busy."""
    return Phase(progress, progress.add_task(name, total=total))
