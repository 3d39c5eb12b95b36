"""The nodes that `omninode registry register` is given: by options, or in a file of JSON."""

import json
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from omninode.errors import BadInput


def from_options(
    said: Mapping[str, Any], *, capabilities: Sequence[str], endpoints: Sequence[str], metadata: Sequence[str]
) -> dict[str, Any]:
    """Return one node; what was not said is left out.

    >>> from_options({"node_id": "n", "version": None}, capabilities=["a=does a", "b"], endpoints=[], metadata=["x=1"])
    {'node_id': 'n', 'capabilities': [{'name': 'a', 'description': 'does a'}, {'name': 'b'}], 'metadata': {'x': 1}}
    """
    told = {name: value for name, value in said.items() if value is not None}
    more = {
        "capabilities": [_capability(text) for text in capabilities],
        "endpoints": dict(_pair(text, "--endpoint", "http=http://HOST:PORT/") for text in endpoints),
        "metadata": {name: _value(value) for name, value in _pairs(metadata)},
    }
    return told | {name: value for name, value in more.items() if value}


def from_file(name: str) -> list[Any]:
    """Return the nodes of a file, or of standard input for "-": an object, a list of them, or one a line."""
    text = _text(name)
    name = _called(name)
    try:
        whole = json.loads(text)
    except json.JSONDecodeError as error:
        if error.msg != "Extra data":
            raise _no_json(name, error.lineno, error.msg) from None
        # After the first line's object comes another one.
        return [_of_line(line, place, name) for place, line in enumerate(text.splitlines(), 1) if line.strip()]
    except (ValueError, RecursionError):
        raise BadInput(f"{name}: has a number too long, or is nested too deeply; nothing was registered") from None
    return whole if isinstance(whole, list) else [whole]


def _text(name: str) -> str:
    try:
        data = sys.stdin.buffer.read() if name == "-" else Path(name).read_bytes()
        text = data.decode("utf-8-sig")
    except OSError as error:
        raise BadInput(f"{name}: {error.strerror}; name a file of JSON, or - for standard input") from error
    except UnicodeDecodeError:
        raise BadInput(f"{_called(name)}: is not in UTF-8") from None
    if not text.strip():
        raise BadInput(f"{_called(name)}: is empty; give an object, a list of them, or one a line")
    return text


def _called(name: str) -> str:
    return "standard input" if name == "-" else name


def _of_line(line: str, place: int, name: str) -> Any:
    try:
        return json.loads(line)
    except (ValueError, RecursionError) as error:
        why = error.msg if isinstance(error, json.JSONDecodeError) else "a number too long, or nested too deeply"
        raise _no_json(name, place, why) from None


def _no_json(name: str, line: int, why: str) -> BadInput:
    return BadInput(f"{name}, line {line}: is no JSON ({why}); nothing was registered")


def _capability(text: str) -> dict[str, str]:
    name, has_more, description = text.partition("=")
    return {"name": name, "description": description} if has_more else {"name": name}


def _pairs(texts: Sequence[str]) -> list[tuple[str, str]]:
    return [_pair(text, "--metadata", "author=my-team") for text in texts]


def _pair(text: str, option: str, example: str) -> tuple[str, str]:
    name, has_value, value = text.partition("=")
    if not has_value:
        raise BadInput(f"{option}: {text!r} has no '='; write it like {example}")
    return name, value


def _value(text: str) -> Any:
    """Numbers, true, false, null and the like are JSON; anything else is a text."""
    try:
        return json.loads(text)
    except (ValueError, RecursionError):
        return text


__all__ = ["from_file", "from_options"]
