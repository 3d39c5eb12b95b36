"""The types of the models' fields: what is accepted, and in words what is not."""

import re
from typing import Annotated, Any
from urllib.parse import urlsplit

from pydantic import AfterValidator, BeforeValidator, Field
from pydantic_core import PydanticCustomError

from registry.enums import EnumNodeType
from registry.limits import (
    MAX_DESCRIPTION,
    MAX_ID,
    MAX_NAME,
    MAX_TYPE,
    MAX_URL,
    MAX_VERSION,
)
from registry.metadata import CONTROL, LINES, storable

_ID = re.compile(r"[A-Za-z0-9][A-Za-z0-9._:@+~-]*")
_TYPE = re.compile(r"[a-z0-9][a-z0-9_.-]*")
_NUMBER = r"(?:0|[1-9]\d*)"
_WORDS = r"[0-9A-Za-z-]+(?:\.[0-9A-Za-z-]+)*"
_PRERELEASE = rf"(?:{_NUMBER}|\d*[A-Za-z-][0-9A-Za-z-]*)"
#: SemVer 2.0.0.
_VERSION = re.compile(
    rf"{_NUMBER}\.{_NUMBER}\.{_NUMBER}(?:-{_PRERELEASE}(?:\.{_PRERELEASE})*)?(?:\+{_WORDS})?", re.ASCII
)


def _text(value: object) -> object:
    if not isinstance(value, str):
        raise PydanticCustomError("string_type", "must be text")
    return value


def _one_line(value: str) -> str:
    if CONTROL.search(value):
        raise PydanticCustomError("text_out_of_range", "must not have control characters")
    return value


def _some_lines(value: str) -> str:
    """Free text may have several lines, and tabs."""
    _one_line(value.translate(LINES))
    return value


def _not_blank(value: str) -> str:
    if value != value.strip():
        raise PydanticCustomError("text_blank", "must not begin or end with a blank")
    return value


def _identifier(value: str) -> str:
    if not _ID.fullmatch(value):
        raise PydanticCustomError(
            "node_id", "must begin with a letter or digit and have only letters, digits and . _ : @ + ~ - (ASCII)"
        )
    return value


def _node_type(value: object) -> object:
    if not isinstance(value, str):
        raise PydanticCustomError("string_type", "must be text, such as effect")
    label = value.strip().lower()
    if not _TYPE.fullmatch(label) or len(label) > MAX_TYPE:
        raise PydanticCustomError("node_type", "must be a word such as effect, compute, reducer or orchestrator")
    return next((known for known in EnumNodeType if known == label), label)


def _version(value: str) -> str:
    if not _VERSION.fullmatch(value):
        raise PydanticCustomError("version", "must be a version by SemVer, such as 1.0.0 or 2.1.0-rc.1")
    return value


def _url(value: str) -> str:
    try:
        parts = urlsplit(value)
        port_is_good = parts.port is None or parts.port > 0
    except ValueError:
        raise PydanticCustomError("url", "must be a URL such as http://HOST:PORT/") from None
    if not parts.scheme or not parts.hostname or not port_is_good or " " in value:
        raise PydanticCustomError("url", "must be a URL such as http://HOST:PORT/")
    return value


_Text = Annotated[str, BeforeValidator(_text)]
NodeId = Annotated[_Text, Field(min_length=1, max_length=MAX_ID), AfterValidator(_identifier)]
Name = Annotated[_Text, Field(min_length=1, max_length=MAX_NAME), AfterValidator(_one_line), AfterValidator(_not_blank)]
NodeType = Annotated[EnumNodeType | str, BeforeValidator(_node_type)]
Version = Annotated[_Text, Field(min_length=1, max_length=MAX_VERSION), AfterValidator(_version)]
Description = Annotated[_Text, Field(max_length=MAX_DESCRIPTION), AfterValidator(_some_lines)]
Url = Annotated[_Text, Field(max_length=MAX_URL), AfterValidator(_one_line), AfterValidator(_url)]
Metadata = Annotated[dict[str, Any], AfterValidator(storable)]

__all__ = ["Description", "Metadata", "Name", "NodeId", "NodeType", "Url", "Version"]
