"""The directions in which the packages import each other."""

from importlinter.cli import lint_imports


def test_imports_point_one_way() -> None:
    """Every contract of `.importlinter` is kept."""
    assert lint_imports(config_filename=".importlinter", no_cache=True) == 0
