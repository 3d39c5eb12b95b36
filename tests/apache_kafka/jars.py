"""Kafka's jars: Maven fetches them once into its own local repository, and a small file remembers where they are."""

import hashlib
import os
import re
import shutil
import subprocess
from pathlib import Path

from tests.parts import CannotInstall, require_part

_POM = Path(__file__).parent / "pom.xml"
_OLDEST_JAVA = 17


def apache_kafka_jars() -> str:
    """Return the class path of a broker; where it cannot be had, the test is skipped and the run names the part."""
    return require_part("Apache Kafka", find=_find, install=_install)


def _find() -> str | None:
    if _java_version() < _OLDEST_JAVA or not _memo().exists():
        return None
    jars = _memo().read_text().strip()
    return jars if all(Path(jar).exists() for jar in jars.split(os.pathsep)) else None


def _install() -> None:
    if _java_version() < _OLDEST_JAVA:
        raise CannotInstall(f"it needs java, version {_OLDEST_JAVA} or newer, on the PATH")
    maven = shutil.which("mvn")
    if maven is None:
        raise CannotInstall("it needs mvn on the PATH to fetch its jars")
    _memo().parent.mkdir(parents=True, exist_ok=True)
    # Two runs may fetch at the same time: each writes a file of its own, and the last one is as good as the first.
    written = _memo().with_suffix(f".{os.getpid()}")
    command = [maven, "-q", "-B", "-f", str(_POM), "dependency:build-classpath", f"-Dmdep.outputFile={written}"]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if done.returncode != 0:
        errors = [line for line in done.stdout.splitlines() if line.startswith("[ERROR]")]
        raise CannotInstall(
            f"mvn could not fetch its jars: {errors[0].removeprefix('[ERROR] ') if errors else 'failed'}"
        )
    written.replace(_memo())


def _memo() -> Path:
    """The file that remembers the class path; another pom has another one."""
    cache = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache")
    return cache / "omninode-tests" / f"apache-kafka-{hashlib.sha256(_POM.read_bytes()).hexdigest()[:12]}.classpath"


def _java_version() -> int:
    if shutil.which("java") is None:
        return 0
    told = subprocess.run(["java", "-version"], capture_output=True, text=True, check=False).stderr
    found = re.search(r'version "(\d+)', told)
    return int(found[1]) if found else 0
