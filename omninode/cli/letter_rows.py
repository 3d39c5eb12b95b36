"""How dead letters look: to people in a table, to programs complete and in one shape."""

import json
from base64 import b64encode
from datetime import datetime
from typing import Any

from rich.markup import escape

from omninode.cli.output import Column, OutputFormat, Row


def letter_rows(letters: list[dict[str, Any]], output: OutputFormat) -> list[Row]:
    """Return letters complete: bytes as text where they are UTF-8, else in base64; the `..._encoding` says which."""
    return [_letter_row(letter, output) for letter in letters]


#: Two hundred characters in all, the width of a pipe.
LETTER_COLUMNS = [
    Column("refused (UTC)", lambda row: _time(row["ingested_at"]), is_number=False),
    Column("topic", lambda row: _end(row["topic"], most=24), is_number=False),
    Column("part.", lambda row: str(row["partition"])),
    Column("offset", lambda row: str(row["offset"])),
    Column("Kafka's time", lambda row: _time(row["kafka_time"]), is_number=False),
    Column("reason", lambda row: shown(row["reason"]), is_number=False),
    Column("detail", lambda row: shown(row["detail"], most=32), is_number=False),
    Column("key", lambda row: shown(row["key"], most=8), is_number=False),
    Column("headers", lambda row: str(len(row["headers"]))),
    Column("value", lambda row: shown(row["value"], most=24), is_number=False),
    Column("re-admitted", lambda row: "-" if row["readmitted_at"] is None else "yes", is_number=False),
]


def shown(text: str | None, *, most: int = 48) -> str:
    """Make any text fit for a cell: short, in one line, without anything that a terminal or a table would obey.

    >>> shown("[red]\\x1b[31m\\n"), shown(None), shown("x" * 9, most=6)
    ('\\\\[red]\\\\x1b[31m\\\\n', '-', 'xxxxx…')
    """
    if text is None:
        return "-"
    cut = text if len(text) <= most else text[: most - 1] + "…"
    plain = "".join(sign if sign.isprintable() else sign.encode("unicode_escape").decode() for sign in cut)
    return escape(plain)


def _letter_row(letter: dict[str, Any], output: OutputFormat) -> Row:
    key, key_encoding = _text(letter["key"])
    value, value_encoding = _text(letter["value"])
    headers = [_header(header["name"], header["value"]) for header in letter["headers"] or []]
    return {
        **{name: letter[name] for name in ("topic", "partition", "offset", "kafka_time", "reason", "detail")},
        "key": key,
        "key_encoding": key_encoding,
        "headers": json.dumps(headers, ensure_ascii=False) if output is OutputFormat.CSV else headers,
        "value": value,
        "value_encoding": value_encoding,
        **{name: letter[name] for name in ("ingested_at", "batch_id", "readmitted_at")},
    }


def _header(name: str, content: bytes | None) -> dict[str, str | None]:
    value, encoding = _text(content)
    return {"name": name, "value": value, "encoding": encoding}


def _text(content: bytes | None) -> tuple[str | None, str | None]:
    if content is None:
        return None, None
    try:
        return content.decode(), "utf-8"
    except UnicodeDecodeError:
        return b64encode(content).decode(), "base64"


def _end(text: str, *, most: int) -> str:
    """Topics differ at their ends."""
    return shown(text if len(text) <= most else "…" + text[1 - most :], most=most)


def _time(time: datetime | None) -> str:
    return "-" if time is None else f"{time:%Y-%m-%d %H:%M}"
