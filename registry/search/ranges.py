"""Ranges of versions as people write them: `1.2.0`, `^1.2`, `~1.2`, `>=1,<2`, `1.2.x`, `^1 || ^3`.

Conditions that stand together (`,` or a space between) must all hold; `||` begins an alternative. As with PEP 440, a
bound that excludes a release excludes its prereleases: 2.0.0-rc.1 is not `<2.0.0`.
"""

import re
from typing import NamedTuple

from omninode.errors import BadInput
from registry.search.versions import VersionKey, before_prereleases, version_key

#: Above each version, below what is none.
_TOP: VersionKey = (0, float("inf"))
_BOTTOM: VersionKey = (0,)
_PART = r"(?:0|[1-9]\d{0,17}|[xX*])"
_CONDITION = re.compile(
    rf"(\^|~|>=|<=|>|<|={{0,2}})\s*[vV]?({_PART})(?:\.({_PART}))?(?:\.({_PART}))?(-[0-9A-Za-z.-]+)?(?:\+[0-9A-Za-z.-]+)?"
)


class Interval(NamedTuple):
    """Versions from `start` up to but without `end`."""

    start: VersionKey
    end: VersionKey


def parse_range(text: str, name: str = "version") -> list[Interval]:
    """Return the intervals that a range means. Raises `BadInput`; `name` is what the caller calls the text.

    >>> [(start, end)] = parse_range("^1.2")
    >>> start <= version_key("1.9.3") < end, start <= version_key("2.0.0-rc.1") < end
    (True, False)
    """
    return [_all_of(alternative, text, name) for alternative in text.split("||")]


def is_range(text: str) -> bool:
    """Tell whether a text asks for a range, not for one version.

    >>> is_range("1.2.0"), is_range("1.2.x"), is_range("latest"), is_range("~1")
    (False, True, False, True)
    """
    return bool(re.search(r"[\^~<>=|,*\s]|^[vV]?\d+(\.\d+)?\.[xX]$", text.strip()))


def at_least(text: str, name: str) -> Interval:
    """Return the versions from this one on."""
    return _all_of(f">={text}", text, name)


def at_most(text: str, name: str) -> Interval:
    """Return the versions up to this one; up to the last 1.2.z if the text is 1.2."""
    return _all_of(f"<={text}", text, name)


def meet(one: Interval, other: Interval) -> Interval:
    """Return the versions of both."""
    return Interval(max(one.start, other.start), min(one.end, other.end))


def _all_of(conditions: str, text: str, name: str) -> Interval:
    found, rest = Interval(_BOTTOM, _TOP), conditions.strip()
    if not rest:
        raise _refused(text, name)
    while rest:
        condition = _CONDITION.match(rest)
        if condition is None:
            raise _refused(text, name)
        found = meet(found, _interval(condition))
        rest = rest[condition.end() :]
        if rest and not re.match(r"[\s,]", rest):
            raise _refused(text, name)
        rest = rest.lstrip(" ,\t")
    return found


def _interval(condition: re.Match[str]) -> Interval:
    operator, *parts, prerelease = condition.groups()
    given = [int(part) for part in parts if part is not None and part.isdigit()]
    if not given:
        return Interval(_BOTTOM, _TOP)
    version = [*given, 0, 0][:3]
    exact = version_key(".".join(map(str, version)) + (prerelease or ""))
    full = len(given) == 3
    over = _just_above(exact) if full else _next(version, len(given) - 1)
    start_of_family = exact if full or prerelease else before_release(version)
    match operator:
        case "^":
            return Interval(exact, _next(version, _first_significant(given)))
        case "~":
            return Interval(exact, _next(version, min(len(given), 2) - 1))
        case ">=":
            return Interval(exact, _TOP)
        case ">":
            return Interval(over, _TOP)
        case "<":
            return Interval(_BOTTOM, exact if prerelease else before_prereleases(*version))
        case "<=":
            return Interval(_BOTTOM, over)
        case _:
            return Interval(start_of_family, over)


def before_release(version: list[int]) -> VersionKey:
    """Return where the family of a partial version begins: at its first release."""
    return version_key(".".join(map(str, version)))


def _next(version: list[int], position: int) -> VersionKey:
    raised = [*version[:position], version[position] + 1, 0, 0][:3]
    return before_prereleases(*raised)


def _just_above(key: VersionKey) -> VersionKey:
    return (*key, ())


def _first_significant(given: list[int]) -> int:
    """^0.2 stays below 0.3, ^0.0.3 below 0.0.4, ^0 below 1."""
    return next((position for position, part in enumerate(given) if part), len(given) - 1)


def _refused(text: str, name: str) -> BadInput:
    return BadInput(f"{name}: {text!r} is no range of versions; write 1.2.0, ^1.2, ~1.2, 1.2.x or >=1,<2")


__all__ = ["Interval", "at_least", "at_most", "is_range", "meet", "parse_range"]
