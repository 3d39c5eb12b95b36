"""What may be kept with a node: JSON that a table can hold."""

import re
from collections.abc import Iterable
from math import isfinite
from typing import Any

from pydantic_core import PydanticCustomError, to_json

from registry.limits import MAX_METADATA_BYTES, MAX_METADATA_DEPTH

#: What bends a terminal, or is no character.
CONTROL = re.compile(r"[\x00-\x1f\x7f-\x9f\ud800-\udfff]")
#: Free text may have several lines, and tabs.
LINES = {9: " ", 10: " ", 13: " "}


def storable(metadata: dict[str, Any]) -> dict[str, Any]:
    """Return metadata as they are. Raises an error of pydantic that says what cannot be kept, where, and what to do."""
    _check(metadata, ())
    size = len(to_json(metadata))
    if size > MAX_METADATA_BYTES:
        raise PydanticCustomError(
            "metadata_size",
            "must be at most {limit} bytes as JSON, has {size}: keep what is large elsewhere, and say here where",
            {"limit": f"{MAX_METADATA_BYTES:,}", "size": f"{size:,}"},
        )
    return metadata


def _check(value: object, place: tuple[str, ...]) -> None:
    """JSON's own types only, no text that a table cannot hold, not nested beyond reason."""
    if len(place) > MAX_METADATA_DEPTH:
        raise _refusal(place, "is nested too deeply, at most {limit} levels can be kept: flatten it")
    if isinstance(value, dict | list):
        for name, inner in _parts(value, place):
            _check(inner, (*place, name))
    elif isinstance(value, str):
        if CONTROL.search(value.translate(LINES)):
            raise _refusal(place, "has control characters: remove them")
    elif value is not None:
        _check_number(value, place)


def _parts(value: dict[Any, Any] | list[Any], place: tuple[str, ...]) -> Iterable[tuple[str, Any]]:
    if isinstance(value, list):
        return ((str(number), inner) for number, inner in enumerate(value))
    return ((_checked_name(name, place), inner) for name, inner in value.items())


def _checked_name(name: object, place: tuple[str, ...]) -> str:
    if not isinstance(name, str):
        raise _refusal((*place, repr(name)), "is a name that is no text: write it as one")
    if CONTROL.search(name):
        raise _refusal((*place, name), "is a name with control characters: remove them")
    return name


def _check_number(value: object, place: tuple[str, ...]) -> None:
    if isinstance(value, int):
        if not -(1 << 63) <= value < 1 << 63:
            raise _refusal(place, "is a whole number of more than 64 bits: write it as text")
    elif not (isinstance(value, float) and isfinite(value)):
        raise _refusal(
            place, "is no JSON: it can be text, a finite number, true, false, null, a list of these or an object"
        )


def _refusal(place: tuple[str, ...], why: str) -> PydanticCustomError:
    # Only some of the names, and spelled so that they cannot bend a terminal.
    shown = ascii(".".join(name[:20] for name in place[:3]))[1:-1]
    told = {"place": shown, "limit": MAX_METADATA_DEPTH}
    return PydanticCustomError("metadata_value", "{place} " + why, told)


__all__ = ["CONTROL", "LINES", "storable"]
