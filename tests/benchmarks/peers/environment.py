"""An environment of its own for each peer, made once for each state of its requirements."""

import hashlib
import shutil
import subprocess
import sys
from pathlib import Path

from tests.benchmarks.harness import NotMeasured

_CACHE = Path(".bench")


def peer_python(name: str) -> Path:
    """Return the python that has the packages of `NAME.txt`; install them if they are not there.

    Raises `NotMeasured` where they cannot be installed.
    """
    requirements = Path(__file__).parent / f"{name}.txt"
    version = f"{sys.version_info.major}.{sys.version_info.minor}"
    key = hashlib.sha256(requirements.read_bytes() + version.encode()).hexdigest()[:12]
    folder = (_CACHE / f"peers-{name}-{key}").resolve()
    python, installed = folder / "bin" / "python", folder / ".installed"
    if not installed.exists():
        # What an interrupted run has left is not to be trusted.
        shutil.rmtree(folder, ignore_errors=True)
        sys.stderr.write(f"bench: installing {name} into {_CACHE / folder.name} (a minute or two, once)\n")
        _run(name, sys.executable, "-m", "venv", "--without-pip", folder)
        pip: list[str | Path] = [
            sys.executable,
            "-m",
            "pip",
            "--python",
            python,
            "--quiet",
            "--disable-pip-version-check",
        ]
        _run(name, *pip, "install", "-r", requirements)
        installed.touch()
    return python


def _run(name: str, *command: str | Path) -> None:
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if done.returncode != 0:
        lines = (done.stderr or done.stdout).strip().splitlines()
        raise NotMeasured(f"missing part: {name} could not be installed ({lines[-1] if lines else 'failed'})")
