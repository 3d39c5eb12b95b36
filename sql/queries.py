"""The statements of the files `*queries.sql` by their names.

>>> from sql.queries import query
>>> print(query("get_migrations"))
SELECT name, checksum FROM schema_migrations ORDER BY name;
"""

import re
from functools import cache
from pathlib import Path

_HEADING = re.compile(r"^-- (\w+) --\n", re.MULTILINE)
_COMMENT = re.compile(r"\A(?:--.*\n)+")


def query(name: str) -> str:
    """Return the statement of this name, without the comment above it. An unknown name is a KeyError."""
    return package_queries()[name]


@cache
def package_queries() -> dict[str, str]:
    """Return every statement of the package by its name."""
    files = sorted(Path(__file__).parent.glob("*queries.sql"))
    return parse_queries("\n".join(file.read_text(encoding="utf-8") for file in files))


def parse_queries(text: str) -> dict[str, str]:
    r"""Split the text of files at its `-- name --` lines.

    >>> parse_queries("-- The file.\n\n-- one --\n-- Why.\nSELECT 1;\n\n-- two --\nSELECT 2;\n")
    {'one': 'SELECT 1;', 'two': 'SELECT 2;'}
    >>> parse_queries("-- one --\nSELECT 1;\n-- one --\nSELECT 2;\n")
    Traceback (most recent call last):
    ...
    ValueError: two queries are named one
    """
    _, *parts = _HEADING.split(text)
    found: dict[str, str] = {}
    for name, block in zip(parts[::2], parts[1::2], strict=True):
        if name in found:
            raise ValueError(f"two queries are named {name}")
        found[name] = _COMMENT.sub("", block).strip()
    return found


__all__ = ["package_queries", "parse_queries", "query"]
