"""The environment is read here, and nowhere below."""

import os
from datetime import UTC, datetime
from pathlib import Path

from dotenv import dotenv_values

from omninode.errors import BadInput
from omninode.settings import Settings


def read_settings() -> Settings:
    """Read the settings from the environment and, for what it does not say, from `.env` in the current folder."""
    folder = Path.cwd()
    told = {name: value for name, value in dotenv_values(folder / ".env").items() if value is not None}
    return Settings.read(told | dict(os.environ), folder=folder)


def utc_now() -> datetime:
    """Return the time by this machine's clock."""
    return datetime.now(UTC)


def instant(text: str | None, option: str) -> datetime | None:
    """Read a time from an option; without an offset it is in UTC.

    >>> instant("2025-10-24", "--start")
    datetime.datetime(2025, 10, 24, 0, 0, tzinfo=datetime.timezone.utc)
    """
    if text is None:
        return None
    try:
        time = datetime.fromisoformat(text)
    except ValueError:
        raise BadInput(f"{option}: {text!r} is no time; write 2025-10-24 or 2025-10-24T10:00:00Z") from None
    return time.replace(tzinfo=UTC) if time.tzinfo is None else time.astimezone(UTC)
