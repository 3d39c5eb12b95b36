"""A part that is missing is named at the end of the run."""

import pytest

from tests import parts
from tests.parts import CannotInstall, require_part

pytest_plugins = ["pytester"]


@pytest.fixture(autouse=True)
def nothing_missing(monkeypatch: pytest.MonkeyPatch) -> None:
    """These parts are made up: the run that tests them must not end with their names."""
    monkeypatch.setattr(parts, "_MISSING", {})


def test_a_part_that_is_there_is_returned() -> None:
    """Nothing is installed then."""
    assert require_part("sh", find=lambda: "/bin/sh", install=_fail) == "/bin/sh"


def test_a_part_is_installed_once_and_found() -> None:
    """The second look finds what the installation brought."""
    shelf: list[str] = []
    assert require_part("book", find=lambda: next(iter(shelf), None), install=lambda: shelf.append("a")) == "a"


def test_a_part_that_cannot_be_had_skips_with_the_reason() -> None:
    """And is tried only once."""
    tries: list[int] = []

    def install() -> None:
        tries.append(1)
        raise CannotInstall("no more room")

    for _ in range(2):
        with pytest.raises(pytest.skip.Exception, match=r"missing part: moon \(no more room\)"):
            require_part("moon", find=lambda: None, install=install)
    assert tries == [1]


@pytest.mark.parametrize("processes", [0, 2])
def test_the_run_ends_with_the_name_of_the_missing_part(pytester: pytest.Pytester, processes: int) -> None:
    """Even when skips are not listed, and when the tests run in other processes."""
    pytester.makeconftest("from tests.parts import pytest_terminal_summary")
    pytester.makepyfile(
        """
        from tests.parts import require_part

        def test_needs_it():
            require_part("unobtainium", find=lambda: None)
        """
    )
    result = pytester.runpytest_inprocess("-p", "no:cacheprovider", "-p", "no:asyncio", "-n", str(processes))
    result.stdout.fnmatch_lines(["missing part: unobtainium (it is not on this machine)"])
    result.assert_outcomes(skipped=1)


def _fail() -> None:
    raise AssertionError("installed although it was there")
