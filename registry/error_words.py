"""What is wrong with a field, in one line: the field, what it must be, and what it is."""

from collections.abc import Mapping
from typing import Any

from pydantic import ValidationError

_MOST_FIELDS = 3
_MOST_SHOWN = 60

#: Where the library's own words are not those of a user. `{most}`, `{least}`, `{unit}` and `{size}` are filled in.
_WORDS = {
    "too_long": "must have at most {most} {unit}, has {size}: shorten it",
    "string_too_long": "must have at most {most} characters: shorten it",
    "too_short": "must not be empty",
    "string_too_short": "must not be empty",
    "greater_than_equal": "must be at least {least}",
    "less_than_equal": "must be at most {most}",
    "int_type": "must be a whole number",
    "int_parsing": "must be a whole number",
    "int_from_float": "must be a whole number",
    "int_parsing_size": "must be a shorter number",
    "dict_type": "must be an object of names and values",
    "model_type": "must be an object of names and values",
    "list_type": "must be a list",
    "string_type": "must be text",
}
#: These say by themselves what was given.
_COMPLETE = ("too_long", "too_short", "string_too_long", "string_too_short", "metadata")


def error_line(error: ValidationError, name: str = "", *, whole: str = "the node") -> str:
    """Say of each field what is not right; what was given is shown so that it cannot bend a terminal or a log.

    `name` is that of the field, if a field alone was checked; `whole` is what was given, if it is no object at all.

    >>> from registry.models import ModelNodeIntrospection
    >>> try:
    ...     ModelNodeIntrospection.model_validate({"node_id": "a b", "node_name": "N" * 300, "node_type": "effect"})
    ... except ValidationError as error:
    ...     print(error_line(error))
    node_id: must begin with a letter or digit and have only letters, digits and . _ : @ + ~ - (ASCII), not 'a b'; \
node_name: must have at most 255 characters, has 300: shorten it; version: is missing
    """
    errors = error.errors(include_url=False)
    texts = list(dict.fromkeys(_text(one, name, whole) for one in errors))
    more = f"; and {len(texts) - _MOST_FIELDS} more" if len(texts) > _MOST_FIELDS else ""
    return "; ".join(texts[:_MOST_FIELDS]) + more


def shown(given: object) -> str:
    """Return how a value is shown in a message: the beginning of a text or number, of anything else what it is."""
    if isinstance(given, str):
        # Only the beginning is spelled out: the text may be huge.
        return _cut(ascii(given[: _MOST_SHOWN + 1]))
    if isinstance(given, bool | float | None):
        return repr(given)
    if isinstance(given, int):
        return str(given) if abs(given) < 1 << 64 else "a huge number"
    return f"a {type(given).__name__}"


def _text(error: Any, name: str, whole: str) -> str:
    place = [str(part) for part in error["loc"] if part not in ("node_introspection", "[key]")]
    field = _cut(".".join([*([name] if name else []), *place])) or whole
    kind = error["type"]
    if kind in ("model_type", "dict_type") and not place and whole == "the node":
        return f"{field}: must be an object with node_id, node_name, node_type and version, not {shown(error['input'])}"
    if kind == "missing":
        return f"{field}: is missing"
    if kind == "extra_forbidden":
        return f"{field}: is not known; leave it out, or put it into metadata"
    words = _words(error)
    return f"{field}: {words}" if kind.startswith(_COMPLETE) else f"{field}: {words}, not {shown(error['input'])}"


def _words(error: Mapping[str, Any]) -> str:
    message: str = error["msg"]
    # Ours are in these words already.
    if error["type"] not in _WORDS or message.startswith("must "):
        return message[:1].lower() + message[1:]
    context = error.get("ctx", {})
    most, least = (next((context[name] for name in names if name in context), 0) for names in _LIMITS)
    unit = "characters" if isinstance(error["input"], str) else "entries"
    size = f"{context.get('actual_length', 0):,}"
    return _WORDS[error["type"]].format(most=f"{most:,}", least=f"{least:,}", unit=unit, size=size)


_LIMITS = (("max_length", "le"), ("min_length", "ge"))


def _cut(text: str) -> str:
    clean = "".join(character if character.isprintable() else "?" for character in text[: _MOST_SHOWN + 1])
    return clean if len(clean) <= _MOST_SHOWN else clean[:_MOST_SHOWN] + "..."


__all__ = ["error_line", "shown"]
