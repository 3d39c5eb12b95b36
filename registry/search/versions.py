"""SemVer: its order, and ranges of versions.

A prerelease is below its release; build metadata does not count; what is no version comes after all that are one.

>>> sorted(["2.0.0", "nightly", "10.0.0", "2.0.0-rc.2", "2.0.0-rc.10"], key=version_key)
['2.0.0-rc.2', '2.0.0-rc.10', '2.0.0', '10.0.0', 'nightly']
"""

import re
from functools import cache
from typing import Any, TypeAlias

#: Compares as the versions do. The first part is 0 for a version, 1 for what is none.
VersionKey: TypeAlias = tuple[Any, ...]

_NUMBER = r"(?:0|[1-9]\d{0,17})"
_VERSION = re.compile(
    rf"[vV]?({_NUMBER})(?:\.({_NUMBER}))?(?:\.({_NUMBER}))?"
    r"(?:-([0-9A-Za-z-]+(?:\.[0-9A-Za-z-]+)*))?(?:\+[0-9A-Za-z.-]+)?"
)
#: Above each prerelease, as a release is.
_RELEASE = ((2,),)


@cache
def version_key(text: str) -> VersionKey:
    """Return what orders versions. Missing parts are 0, and a leading v is let pass."""
    found = _VERSION.fullmatch(text.strip())
    if found is None:
        return (1, text)
    major, minor, patch, prerelease = found.groups()
    return (
        0,
        int(major),
        int(minor or 0),
        int(patch or 0),
        _RELEASE if prerelease is None else _prerelease(prerelease),
    )


def before_prereleases(major: int, minor: int, patch: int) -> VersionKey:
    """Return the key below each prerelease of this release."""
    return (0, major, minor, patch, ())


def _prerelease(text: str) -> VersionKey:
    """Numbers are below words, and fewer parts below more."""
    return tuple((0, int(part)) if part.isdigit() else (1, part) for part in text.split("."))


__all__ = ["VersionKey", "before_prereleases", "version_key"]
