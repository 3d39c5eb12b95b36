"""Say of each row that Polars' JSON reader made whether it reads its message as the contracts do.

Polars' JSON reader turns a number in a text field into text and a text in a number's field into null, ignores fields
that it was not asked for and takes the first of two fields with the same name. A row is trusted only if none of this
can have happened. Counting colons shows it: outside of texts there is one for each field, so there must be as many as
values that are not null, besides those within the texts that were read. What is not trusted is read again, one by one,
by `ingest.decode_one`.

A message can have no fewer colons than that. So nearly always one count over all messages together shows it for each of
them; only where that fails is every message looked at for itself.
"""

from datetime import datetime
from functools import cache

import polars as pl

from ingest.kinds import EVENT_TYPES, EventKind
from ingest.limits import EARLIEST, MAX_MESSAGE_TEXT, MAX_TEXT, Limits
from ingest.schema import TIMESTAMP
from ingest.wire import BOUNDS, FREE_TEXTS, LABELS, NAMES, RAW, TEXTS, WHOLE_BOUNDS, Wire

_TYPE_OF_KIND = {kind: name for name, kind in EVENT_TYPES.items()}
_UUID = r"^[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}$"
#: How Polars spells what stood in the place of a text: a list or an object; a number, true or false.
_NESTED = r"^[\[{]"
_CONVERTED = r"^(-?[0-9][-+.eE0-9]*|true|false)$"
_NEVER = pl.lit(value=False)


def trusted(wire: Wire, parsed: pl.DataFrame, kind: EventKind, *, now: datetime, limits: Limits) -> pl.Series:
    """Return for each row whether it can be relied on: Boolean, never null.

    parsed: the wire's frame with the columns `time` (the one told in the message) and `event_time`.
    """
    has = wire.has
    rules = [_values_are_sound(has, kind), _time_is_plausible(has, now, limits)]
    if not _was_all_read(wire):
        parsed = parsed.with_columns(wire.raw)
        rules += [_every_field_was_read(has), _every_text_was_text(parsed, has), _texts_are_plain(parsed, has)]
    return parsed.select(trusted=pl.all_horizontal(rules).fill_null(value=False)).to_series()


def _was_all_read(wire: Wire) -> bool:
    """Tell, from all messages together, whether each of them has just the fields and the texts that were read."""
    if not (wire.is_plain and wire.has_one_object_each):
        return False
    colons, has_other_than_text = wire.frame.select(_colons_expected(wire.has), _has_other_than_text(wire.has)).row(0)
    return bool(wire.count(b":") == colons and not has_other_than_text)


@cache
def _colons_expected(has: tuple[str, ...]) -> pl.Expr:
    values = pl.sum_horizontal(pl.col(name).count() for name in has)
    return (values + pl.sum_horizontal(_colons(name).sum() for name in has if name in TEXTS)).alias("colons")


@cache
def _has_other_than_text(has: tuple[str, ...]) -> pl.Expr:
    others = ((_is_nested(text) | _is_converted(text)).any() for text in _free(has))
    return pl.any_horizontal(_NEVER, *others).alias("has_other_than_text")


@cache
def _values_are_sound(has: tuple[str, ...], kind: EventKind) -> pl.Expr:
    return pl.all_horizontal(_names_are_sound(has), _names_are_known(has, kind), _numbers_are_in_bounds(has))


def _every_field_was_read(has: tuple[str, ...]) -> pl.Expr:
    """As many colons as values and as colons in their texts: no field was skipped, doubled, unknown or null.

    Each field has a colon of its own, and what else has some can only add to them.
    """
    values = pl.sum_horizontal(pl.col(name).is_not_null().cast(pl.UInt32) for name in has)
    return _colons(RAW) == values + pl.sum_horizontal(_colons(name) for name in has if name in TEXTS)


def _every_text_was_text(parsed: pl.DataFrame, has: tuple[str, ...]) -> pl.Expr:
    """No text was something else in the message."""
    nested = pl.any_horizontal(_NEVER, *map(_is_nested, _free(has))).fill_null(value=False)
    converted = pl.any_horizontal(_NEVER, *map(_is_converted, _free(has))).fill_null(value=False)
    if not _holds_for_any(parsed, converted):
        return ~nested
    # "404" may have been 404. As every field was read, each text counts two quotes, and so does each name of a field.
    values = pl.sum_horizontal(pl.col(name).is_not_null().cast(pl.UInt32) * (4 if name in TEXTS else 2) for name in has)
    raw = pl.col(RAW).str
    as_many = (raw.count_matches('"', literal=True) == values) & ~raw.contains("\\", literal=True)
    return ~nested & (~converted | as_many)


def _texts_are_plain(parsed: pl.DataFrame, has: tuple[str, ...]) -> pl.Expr:
    r"""ASCII without \u escapes; names without control characters."""
    raw = pl.col(RAW).str
    rules = [raw.len_bytes() == raw.len_chars()]
    # JSON has control characters as escapes only.
    if _holds_for_any(parsed, raw.contains("\\", literal=True)):
        rules += [~raw.contains(r"\u", literal=True)]
        rules += [pl.col(name).is_null() | ~pl.col(name).str.contains(r"[\x00-\x1f]") for name in has if name in NAMES]
    return pl.all_horizontal(rules)


def _names_are_sound(has: tuple[str, ...]) -> pl.Expr:
    """Names are neither empty nor long."""
    names = [pl.col(name) for name in has if name in NAMES]
    rules = [pl.lit(value=True)]
    rules += [name.is_null() | name.str.len_bytes().is_between(1, MAX_TEXT) for name in names]
    rules += [name.is_null() | (name.str.strip_chars(" ") != "") for name in (pl.col(x) for x in has if x in LABELS)]
    if "error_message" in has:
        rules += [pl.col("error_message").is_null() | (pl.col("error_message").str.len_bytes() <= MAX_MESSAGE_TEXT)]
    return pl.all_horizontal(rules)


def _names_are_known(has: tuple[str, ...], kind: EventKind) -> pl.Expr:
    """The kind is the topic's, the identifiers are spelled as the lake spells them."""
    rules = [pl.col("workflow_id").str.contains(_UUID)]
    if "event_id" in has:
        event_id = pl.col("event_id")
        rules += [event_id.is_null() | (event_id.str.len_bytes() != 36) | event_id.str.contains(_UUID)]
    if "event_type" in has:
        rules += [pl.col("event_type").is_null() | (pl.col("event_type") == _TYPE_OF_KIND[kind])]
    return pl.all_horizontal(rules)


def _numbers_are_in_bounds(has: tuple[str, ...]) -> pl.Expr:
    bounds = {name: bound for name, bound in (BOUNDS | WHOLE_BOUNDS).items() if name in has}
    inside = (pl.col(name).is_null() | pl.col(name).is_between(0, bound) for name, bound in bounds.items())
    whole = (pl.col(name).is_null() | (pl.col(name) == pl.col(name).floor()) for name in WHOLE_BOUNDS if name in has)
    return pl.all_horizontal(pl.lit(value=True), *inside, *whole)


def _time_is_plausible(has: tuple[str, ...], now: datetime, limits: Limits) -> pl.Expr:
    latest = pl.lit(now + limits.max_ahead, dtype=TIMESTAMP)
    plausible = pl.col("event_time").is_between(pl.lit(EARLIEST, dtype=TIMESTAMP), latest)
    if "timestamp" not in has:
        return plausible
    return plausible & (pl.col("timestamp").is_null() | pl.col("time").is_not_null())


def _free(has: tuple[str, ...]) -> list[pl.Expr]:
    return [pl.col(name) for name in has if name in FREE_TEXTS]


def _colons(name: str) -> pl.Expr:
    return pl.col(name).str.count_matches(":", literal=True)


def _is_nested(text: pl.Expr) -> pl.Expr:
    return text.str.contains(_NESTED)


def _is_converted(text: pl.Expr) -> pl.Expr:
    return text.str.contains(_CONVERTED)


def _holds_for_any(frame: pl.DataFrame, rule: pl.Expr) -> bool:
    return bool(frame.select(rule.any()).item())
