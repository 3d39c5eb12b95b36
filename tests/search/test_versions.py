"""The order of versions, and ranges of them."""

import pytest

from omninode.errors import BadInput
from registry.search.ranges import is_range, parse_range
from registry.search.versions import version_key

_ASCENDING = [
    "0.9.0",
    "1.0.0-alpha",
    "1.0.0-alpha.1",
    "1.0.0-alpha.beta",
    "1.0.0-beta.2",
    "1.0.0-beta.11",
    "1.0.0-rc.1",
    "1.0.0",
    "1.2.0",
    "1.10.0",
    "2.0.0",
    "latest",
]


def test_versions_are_ordered_by_semver() -> None:
    """SemVer's own example, numbers by value, and what is no version last."""
    backwards = _ASCENDING[::-1]
    assert sorted(backwards, key=version_key) == _ASCENDING
    assert version_key("1.0.0+build.5") == version_key("1.0.0")


_OF = ["0.2.3", "0.3.0", "1.0.0", "1.2.0-rc.1", "1.2.0", "1.2.9", "1.3.0", "2.0.0-rc.1", "2.0.0", "3.1.0", "latest"]


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("^1.2", ["1.2.0", "1.2.9", "1.3.0"]),
        ("~1.2", ["1.2.0", "1.2.9"]),
        ("~1", ["1.0.0", "1.2.0-rc.1", "1.2.0", "1.2.9", "1.3.0"]),
        ("^0.2.1", ["0.2.3"]),
        (">=1,<2", ["1.0.0", "1.2.0-rc.1", "1.2.0", "1.2.9", "1.3.0"]),
        (">=1.2.9 <=2.0.0", ["1.2.9", "1.3.0", "2.0.0-rc.1", "2.0.0"]),
        ("<=1.2", ["0.2.3", "0.3.0", "1.0.0", "1.2.0-rc.1", "1.2.0", "1.2.9"]),
        (">1.2", ["1.3.0", "2.0.0-rc.1", "2.0.0", "3.1.0"]),
        ("1.2.x", ["1.2.0", "1.2.9"]),
        ("^0.3 || ^3", ["0.3.0", "3.1.0"]),
        ("=1.2.0", ["1.2.0"]),
        ("*", [version for version in _OF if version != "latest"]),
    ],
)
def test_ranges_let_through_what_they_say(text: str, expected: list[str]) -> None:
    """Upper bounds exclude the prereleases of what they exclude; what is no version is in no range."""
    intervals = parse_range(text)
    found = [v for v in _OF if any(start <= version_key(v) < end for start, end in intervals)]
    assert found == expected
    assert is_range(text)


@pytest.mark.parametrize("text", ["^", "new", ">=1,new", "1.2.3.4", ">=1 || ", "~>1"])
def test_what_is_no_range_is_refused(text: str) -> None:
    """In one line with examples."""
    with pytest.raises(BadInput, match=r"is no range of versions; write 1\.2\.0"):
        parse_range(text)
