"""`omninode migrate`: bring the database's tables up to this version."""

from omninode.cli.door import read_settings
from omninode.cli.output import console
from pipelines.parts import postgres
from sql.connection import connect
from sql.migrate import migrate


def run_migrate() -> None:
    """Apply what is pending, and say what that was."""
    with postgres(read_settings()) as url, connect(url) as connection:
        applied = migrate(connection)
    console().print(f"applied: {', '.join(applied)}" if applied else "the database is up to date")
