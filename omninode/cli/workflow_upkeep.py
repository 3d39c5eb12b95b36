"""`omninode workflow refresh` and `cleanup`."""

import sys
from dataclasses import asdict

from ingest.lake import open_lake
from omninode.cli.door import read_settings, utc_now
from omninode.cli.output import Column, OutputFormat, print_rows
from omninode.duration import duration
from pipelines.lifecycle.archive import archive_terminal
from pipelines.lifecycle.replay import LifecycleReplay
from pipelines.parts import postgres
from sql.connection import connect, open_pool
from sql.lifecycle_events import LifecycleEvents
from sql.lifecycle_store import LifecycleStore


def run_refresh(*, everything: bool, output: OutputFormat) -> None:
    """Bring in what events say, of the workflows that changed or of all."""
    settings = read_settings()
    lake = open_lake(settings.lake, settings.lake_options)
    with postgres(settings) as url, open_pool(url, max_size=3) as pool:
        replay = LifecycleReplay(lake, LifecycleEvents(pool))
        report = replay.replay() if everything else replay.refresh()
    row = {
        "looked_at": report.looked_at,
        **asdict(report.brought),
        "seconds": round(report.seconds, 3),
        "lake_version": report.lake_version,
    }
    columns = [
        Column("workflows looked at", lambda row: f"{row['looked_at']:,}"),
        Column("changed", lambda row: f"{row['workflows']:,}"),
        Column("transitions written", lambda row: f"{row['transitions']:,}"),
        Column("judged beside the API", lambda row: f"{row['judged']:,}"),
        Column("conflicts with the API", lambda row: f"{row['conflicts']:,}"),
        Column("seconds", lambda row: str(row["seconds"])),
    ]
    print_rows([row], columns, output, title=f"Workflows as the events of {settings.lake} tell them")
    if not report.looked_at:
        why = "has no events" if everything else "has no new events"
        sys.stderr.write(f"omninode: {settings.lake} {why}; `omninode ingest` brings them from Kafka\n")


def run_cleanup(*, older_than: str, output: OutputFormat) -> None:
    """Archive what has been at its end for long."""
    settings = read_settings()
    before = utc_now() - duration(older_than, "--older-than")
    lake = open_lake(settings.lake, settings.lake_options)
    with postgres(settings) as url, connect(url) as connection:
        archived = archive_terminal(LifecycleStore(connection), lake, before)
    columns = [Column("workflows archived", lambda row: f"{row['archived']:,}")]
    print_rows([{"archived": archived}], columns, output, title=f"Ended workflows, moved into {settings.lake}")
