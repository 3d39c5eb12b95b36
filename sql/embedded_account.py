"""Who runs the embedded server.

PostgreSQL refuses to run as root, so root lends it an account without privileges: the owner of the data if there is
data already (root may work in the folder of a user), else `postgres`, else `nobody`.
"""

import os
import pwd
import subprocess
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from sql.errors import EmbeddedServerFailed


@dataclass(frozen=True)
class Account:
    """An account of this machine."""

    name: str
    uid: int
    gid: int


def account_for(data: Path) -> Account | None:
    """Return the account that runs the server of this data folder, or None if we run it ourselves."""
    if os.geteuid() != 0:
        return None
    owner = data.stat().st_uid if data.exists() else 0
    entries = (entry for entry in pwd.getpwall() if entry.pw_uid == owner) if owner else _unprivileged()
    for entry in entries:
        return Account(entry.pw_name, entry.pw_uid, entry.pw_gid)
    raise EmbeddedServerFailed(
        "PostgreSQL does not run as root, and no other account was found to run it. "
        "Start the program as an ordinary user, or set OMNINODE_POSTGRES_URL."
    )


def run_as(account: Account | None, command: Sequence[str | Path]) -> subprocess.CompletedProcess[str]:
    """Run a program to its end, from a folder and with an environment that hold nothing of ours."""
    return subprocess.run(  # noqa: S603 (PostgreSQL's own programs and /bin/sh)
        command,
        user=None if account is None else account.uid,
        group=None if account is None else account.gid,
        extra_groups=None if account is None else [],
        umask=0o077,
        cwd="/",
        env={"LC_ALL": "C", "PATH": os.defpath},
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        errors="replace",
        check=False,
    )


def can_reach(account: Account | None, *paths: Path) -> bool:
    """Tell whether the account can pass into these folders and read these files: it is asked to try."""
    if account is None:
        return True
    attempt = 'for path; do if test -d "$path"; then test -x "$path"; else test -r "$path"; fi || exit 1; done'
    return run_as(account, ["/bin/sh", "-c", attempt, "sh", *paths]).returncode == 0


def give(path: Path, account: Account | None) -> None:
    """Make the account the owner of a file or folder of ours."""
    if account is not None:
        os.chown(path, account.uid, account.gid)


def _unprivileged() -> list[pwd.struct_passwd]:
    by_name = {entry.pw_name: entry for entry in pwd.getpwall()}
    return [by_name[name] for name in ("postgres", "nobody") if name in by_name]


__all__ = ["Account", "account_for", "can_reach", "give", "run_as"]
