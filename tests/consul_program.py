"""Consul's program: unpacked from Debian's package of bullseye once, into a cache. Nothing is installed for it."""

import os
import platform
import shutil
import subprocess
from collections.abc import Sequence
from pathlib import Path
from tempfile import TemporaryDirectory

from tests.parts import CannotInstall, require_part

_SUITE = "bullseye"
_SOURCES = "$(REPO_URI) $(RELEASE) $(COMPONENT)"


def consul_program() -> Path:
    """Return the program; where it cannot be had, the test is skipped and the run names the part."""
    return require_part("Consul", find=_find, install=_install)


def _find() -> Path | None:
    return _cached() if _cached().exists() else None


def _install() -> None:
    if any(shutil.which(program) is None for program in ("apt-get", "dpkg")):
        raise CannotInstall("it is unpacked from Debian's package, which needs apt-get and dpkg")
    with TemporaryDirectory(prefix="omninode-consul-") as folder:
        apt = _private_apt(Path(folder))
        _run([*apt, "update"], Path(folder))
        _run([*apt, "download", "consul"], Path(folder))
        package = next(Path(folder).glob("consul_*.deb"))
        _run(["dpkg", "-x", str(package), "unpacked"], Path(folder))
        _cached().parent.mkdir(parents=True, exist_ok=True)
        # Two runs may do this at once: each moves a file of its own into place.
        own = _cached().with_suffix(f".{os.getpid()}")
        shutil.copy2(Path(folder) / "unpacked/usr/bin/consul", own)
        own.replace(_cached())


def _private_apt(folder: Path) -> list[str]:
    """Return an apt-get that knows the older suite alone and leaves the machine's own lists as they are."""
    sources = folder / "sources.list"
    sources.write_text(f"deb {_mirror()} {_SUITE} main\n")
    for name in ("state/lists/partial", "cache/archives/partial"):
        (folder / name).mkdir(parents=True)
    options = {
        "Dir::Etc::sourcelist": sources,
        "Dir::Etc::sourceparts": "/dev/null",
        "Dir::State": folder / "state",
        "Dir::Cache": folder / "cache",
        # The user that apt would fetch as may not enter this folder.
        "APT::Sandbox::User": "root",
    }
    return ["apt-get", *(word for name, value in options.items() for word in ("-o", f"{name}={value}"))]


def _mirror() -> str:
    """Return the mirror from which the machine gets Debian itself."""
    told = _run(["apt-get", "indextargets", "--format", _SOURCES, "Created-By: Packages"], Path("/"))
    rows = [line.split() for line in told.splitlines()]
    release = platform.freedesktop_os_release().get("VERSION_CODENAME", "")
    mirror = next((row[0] for row in rows if row[1:] == [release, "main"]), None)
    if mirror is None:
        raise CannotInstall("apt has no source of Debian's main packages")
    return mirror


def _run(command: Sequence[str], folder: Path) -> str:
    done = subprocess.run(command, cwd=folder, capture_output=True, text=True, check=False)
    if done.returncode != 0:
        lines = (done.stderr or done.stdout).strip().splitlines()
        raise CannotInstall(f"{command[0]} could not fetch it: {lines[-1] if lines else 'failed'}")
    return done.stdout


def _cached() -> Path:
    cache = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache")
    return cache / "omninode-tests" / f"consul-{_SUITE}-{platform.machine()}"
