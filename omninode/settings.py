"""The settings: read once at a door, plain frozen values below it."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import timedelta
from pathlib import Path
from urllib.parse import urlsplit

from omninode.duration import duration
from omninode.errors import BadInput

_KAFKA = "OMNINODE_KAFKA_"
_BOOTSTRAP = "OMNINODE_KAFKA_BOOTSTRAP_SERVERS"


@dataclass(frozen=True, slots=True)
class Settings:
    """What the environment says. None: the embedded part is used."""

    #: Everything that is kept on this machine lies under this folder.
    home: Path
    #: The first word of the topics' names.
    environment: str = "dev"
    kafka_bootstrap_servers: str | None = None
    #: librdkafka's own options, which may hold secrets.
    kafka_options: Mapping[str, str] = field(default_factory=dict, repr=False)
    postgres_url: str | None = field(default=None, repr=False)
    #: A folder, or the URL of an object store.
    lake: str = ""
    #: The share of a topic's latest messages that may be refused before ingest stops; 1 is no cap.
    dead_letter_cap: float = 0.5
    #: The object store's own options, which may hold secrets.
    lake_options: Mapping[str, str] = field(default_factory=dict, repr=False)
    #: How long old versions of the lake can be read.
    lake_retention: timedelta = timedelta(hours=6)

    @classmethod
    def read(cls, environ: Mapping[str, str], *, folder: Path) -> "Settings":
        """Read the settings from environment variables; relative paths start at `folder`.

        Raises `BadInput` that names the variable.

        >>> Settings.read({"OMNINODE_HOME": "/srv/omninode"}, folder=Path("/")).lake
        '/srv/omninode/lake'
        """
        home = folder / Path(_text(environ, "OMNINODE_HOME", ".omninode")).expanduser()
        return cls(
            home=home,
            environment=_topic_prefix(_text(environ, "OMNINODE_ENV", "dev")),
            kafka_bootstrap_servers=environ.get(_BOOTSTRAP, "").strip() or None,
            kafka_options=_kafka_options(environ),
            postgres_url=_postgres_url(environ.get("OMNINODE_POSTGRES_URL", "").strip()),
            lake=_lake(environ.get("OMNINODE_LAKE", "").strip(), home, folder),
            dead_letter_cap=_share(environ, "OMNINODE_DEAD_LETTER_CAP", 0.5),
            lake_options={name: value for name, value in environ.items() if name.startswith("AWS_")},
            lake_retention=_lake_retention(_text(environ, "OMNINODE_LAKE_RETENTION", "6h")),
        )


def _text(environ: Mapping[str, str], name: str, default: str) -> str:
    return environ.get(name, "").strip() or default


def _share(environ: Mapping[str, str], name: str, default: float) -> float:
    text = _text(environ, name, str(default))
    try:
        share = float(text)
    except ValueError:
        share = -1.0
    if not 0.0 <= share <= 1.0:
        raise BadInput(f"{name}: {text!r} is no share; write a number from 0 to 1, such as 0.5")
    return share


def _topic_prefix(prefix: str) -> str:
    if not all(character.isalnum() or character in "._-" for character in prefix):
        raise BadInput(f"OMNINODE_ENV: {prefix!r} cannot begin a topic's name; use letters, digits, '.', '_' and '-'")
    return prefix


def _kafka_options(environ: Mapping[str, str]) -> dict[str, str]:
    return {
        name.removeprefix(_KAFKA).lower().replace("_", "."): value
        for name, value in environ.items()
        if name.startswith(_KAFKA) and name != _BOOTSTRAP
    }


def _postgres_url(url: str) -> str | None:
    try:
        scheme = urlsplit(url).scheme if url else "postgresql"
    except ValueError:
        scheme = ""
    # The URL is not repeated: it may hold a password.
    if scheme not in ("postgresql", "postgres"):
        raise BadInput("OMNINODE_POSTGRES_URL: not a URL like postgresql://USER:PASSWORD@HOST:PORT/DATABASE")
    return url or None


def _lake_retention(text: str) -> timedelta:
    retention = duration(text, "OMNINODE_LAKE_RETENTION")
    if retention < timedelta(hours=1):
        raise BadInput(f"OMNINODE_LAKE_RETENTION: {text!r} is too short, whoever reads must come to the end; write 1h")
    return retention


def _lake(place: str, home: Path, folder: Path) -> str:
    if "://" in place:
        return place
    return str(folder / Path(place).expanduser()) if place else str(home / "lake")
