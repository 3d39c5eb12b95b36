"""The environment is read here for the notebooks, and the database is kept open until the kernel ends."""

import atexit
from contextlib import ExitStack
from dataclasses import dataclass, field
from pathlib import Path

from omninode import environment
from omninode.errors import OmninodeError
from omninode.settings import Settings
from pipelines.parts import postgres

#: What the root of a project has at least one of.
_ROOT_HAS = (".omninode", ".env", "dagster.yaml")


class NothingYet(OmninodeError):
    """There is no data to look at."""


def project_root(folder: Path) -> Path:
    """Return the project that a folder belongs to: itself or the nearest above it; failing that, the folder itself.

    Jupyter starts a kernel in the folder of its notebook, but `.env` and the state folder are the project's.
    """
    belongs_to = (above for above in (folder, *folder.parents) if any((above / name).exists() for name in _ROOT_HAS))
    return next(belongs_to, folder)


def read_settings() -> Settings:
    """Read the settings from the environment and, for what it does not say, from the project's `.env`."""
    return environment.read_settings(project_root(Path.cwd()))


def nothing_yet(place: str) -> NothingYet:
    """Say that a place holds no data, and what to do."""
    return NothingYet(
        f"No data yet in {place}: run `omninode demo` first, "
        "or set OMNINODE_HOME (or OMNINODE_POSTGRES_URL and OMNINODE_LAKE) to where the data is."
    )


@dataclass(slots=True)
class Database:
    """The database that is set or the embedded one, which is started at first use and shared with other processes."""

    _urls: dict[tuple[Path, str | None], str] = field(default_factory=dict)
    _held: ExitStack = field(default_factory=ExitStack)

    def url(self, settings: Settings) -> str:
        """Return the database's URL. Raises `NothingYet` where there is no embedded one: looking makes none."""
        if settings.postgres_url is None and not (settings.home / "postgres").exists():
            raise nothing_yet(str(settings.home))
        key = (settings.home, settings.postgres_url)
        if key not in self._urls:
            self._urls[key] = self._held.enter_context(postgres(settings))
        return self._urls[key]

    def close(self) -> None:
        """Let go of what is held; the last user of an embedded database stops it."""
        self._urls.clear()
        self._held.close()


#: This kernel's.
DATABASE = Database()
atexit.register(DATABASE.close)
