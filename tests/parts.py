"""Parts that a machine may lack: found, or installed where that is allowed, or named at the end of the run.

A test that needs such a part asks for it with `require_part`. If it cannot be had the test is skipped, and the run ends
with a line `missing part: NAME (reason)`. For that, tests/conftest.py imports `pytest_terminal_summary` from here.
"""

import os
import re
import shutil
import subprocess
from collections.abc import Callable
from typing import TypeVar

import pytest

Part = TypeVar("Part")

_TOLD = re.compile(r"missing part: [^\n]*\)(?=['\"])")
#: Why a part could not be had, by its name.
_MISSING: dict[str, str] = {}


class CannotInstall(Exception):
    """The part cannot be installed here. The message is the reason."""


def require_part(name: str, *, find: Callable[[], Part | None], install: Callable[[], None] | None = None) -> Part:
    """Return the part; if it is not there, install it; if that fails, skip the test and remember the name."""
    found = find()
    if found is None and name not in _MISSING:
        _MISSING[name] = _reason(install)
        found = find()
    if found is None:
        pytest.skip(f"missing part: {name} ({_MISSING[name]})")
    _MISSING.pop(name, None)
    return found


def install_from_debian(package: str) -> Callable[[], None]:
    """Return what installs a package of Debian, if we are root on a Debian machine."""

    def install() -> None:
        if os.geteuid() != 0 or shutil.which("apt-get") is None:
            raise CannotInstall(f"install it, or run the tests as root on Debian: apt-get install {package}")
        _apt_get("update")
        _apt_get("install", "--yes", "--no-install-recommends", package)

    return install


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    """Name the parts that were missing, one line each; the tests may have run in several processes."""
    skipped = {str(report.longrepr) for report in terminalreporter.getreports("skipped")}
    for line in sorted({found[0] for told in skipped if (found := _TOLD.search(told))}):
        terminalreporter.write_line(line, yellow=True)


def _reason(install: Callable[[], None] | None) -> str:
    """Try to install. The reason is used only if the part is still not there."""
    if install is None:
        return "it is not on this machine"
    try:
        install()
    except CannotInstall as error:
        return str(error)
    return "it was installed, but is still not found"


def _apt_get(*arguments: str) -> None:
    command = ["apt-get", "-o", "DPkg::Lock::Timeout=300", *arguments]
    environment = os.environ | {"DEBIAN_FRONTEND": "noninteractive"}
    done = subprocess.run(command, env=environment, capture_output=True, text=True, check=False)
    if done.returncode != 0:
        lines = (done.stderr or done.stdout).strip().splitlines()
        raise CannotInstall(f"apt-get {arguments[0]}: {lines[-1] if lines else 'failed'}")
