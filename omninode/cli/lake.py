"""`omninode lake`: upkeep of the lake by hand."""

from dataclasses import asdict

from ingest.compaction import Compaction
from ingest.lake import open_lake
from ingest.retention import Retention
from omninode.cli.door import read_settings
from omninode.cli.output import Column, OutputFormat, print_rows
from omninode.duration import duration

#: What is counted, where the name alone does not say it.
_HEADINGS = {"rows": "rows merged", "left_for_later": "files left for later", "files": "files removed"}
_HEADINGS |= {"bytes": "bytes freed", "unfinished": "unfinished writes removed", "log_entries": "log entries removed"}


def _columns(*headings: str) -> list[Column]:
    """Numbers under their own names, behind the table's."""

    def number(name: str) -> Column:
        return Column(_HEADINGS.get(name, name.replace("_", " ")), lambda row: f"{row[name]:,}")

    return [Column("table", lambda row: str(row["table"]), is_number=False), *map(number, headings)]


_COMPACTED = _columns("files_before", "files_after", "rows", "bytes_before", "bytes_after", "left_for_later", "seconds")
_EXPIRED = _columns("files", "bytes", "unfinished", "log_entries", "seconds")


def run_compact(*, dry_run: bool, output: OutputFormat) -> None:
    """Merge all small files, and say what that was."""
    settings = read_settings()
    lake = open_lake(settings.lake, settings.lake_options, create=False)
    done = Compaction(lake, max_seconds=float("inf")).run(dry_run=dry_run)
    title = f"{'Would merge' if dry_run else 'Merged'} in {settings.lake}"
    print_rows([asdict(table) for table in done], _COMPACTED, output, title=title)


def run_vacuum(*, older_than: str | None, dry_run: bool, output: OutputFormat) -> None:
    """Remove what is older than asked for, and say what that was."""
    settings = read_settings()
    age = None if older_than is None else duration(older_than, "--older-than")
    lake = open_lake(settings.lake, settings.lake_options, create=False)
    done = Retention(lake, settings.lake_retention).run(older_than=age, dry_run=dry_run)
    title = f"{'Would remove' if dry_run else 'Removed'} from {settings.lake}"
    print_rows([asdict(table) for table in done], _EXPIRED, output, title=title)
