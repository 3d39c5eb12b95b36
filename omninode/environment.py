"""What the doors share: the environment, a file `.env`, and times as people write them."""

import os
from datetime import UTC, datetime
from pathlib import Path

from dotenv import dotenv_values

from omninode.errors import BadInput
from omninode.settings import Settings


def environment(folder: Path) -> dict[str, str]:
    """Return the variables of `folder/.env`, overruled by those of the process."""
    told = {name: value for name, value in dotenv_values(folder / ".env").items() if value is not None}
    return told | dict(os.environ)


def read_settings(folder: Path) -> Settings:
    """Read the settings; relative paths start at `folder`. Raises `BadInput`."""
    return Settings.read(environment(folder), folder=folder)


def instant(text: str, name: str) -> datetime:
    """Read a time that a person wrote; without an offset it is in UTC. `name` is what the person calls it.

    >>> instant("2025-10-24", "--start")
    datetime.datetime(2025, 10, 24, 0, 0, tzinfo=datetime.timezone.utc)
    """
    try:
        time = datetime.fromisoformat(text)
    except ValueError:
        raise BadInput(f"{name}: {text!r} is no time; write 2025-10-24 or 2025-10-24T10:00:00Z") from None
    return time.replace(tzinfo=UTC) if time.tzinfo is None else time.astimezone(UTC)
