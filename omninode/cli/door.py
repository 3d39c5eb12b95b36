"""What the command line is told from outside: the environment, the clock and the times in its options."""

from datetime import UTC, datetime
from pathlib import Path

from omninode import environment
from omninode.settings import Settings


def read_settings() -> Settings:
    """Read the settings from the environment and, for what it does not say, from `.env` in the current folder."""
    return environment.read_settings(Path.cwd())


def utc_now() -> datetime:
    """Return the time by this machine's clock."""
    return datetime.now(UTC)


def instant(text: str | None, option: str) -> datetime | None:
    """Read the time in an option, if it was given."""
    return None if text is None else environment.instant(text, option)
