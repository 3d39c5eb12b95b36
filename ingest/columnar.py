"""Read many messages of one topic at once with Polars, and say of each whether that reading can be trusted.

Polars' JSON reader turns a number in a text field into text and a text in a number's field into null, ignores fields
that it was not asked for and takes the first of two fields with the same name. A row is trusted only if none of this
can have happened. Counting colons shows it: outside of texts there is one for each field, so there must be as many as
values that are not null, besides those within the texts that were read. What is not trusted is read again, one by one,
by `ingest.decode_one`.
"""

import re
from collections.abc import Sequence
from datetime import datetime

import polars as pl
import pyarrow as pa  # type: ignore[import-untyped]  # it brings no types

from ingest.contracts import CONTRACTS
from ingest.kinds import EVENT_TYPES, EventKind
from ingest.limits import (
    EARLIEST,
    MAX_MESSAGE_TEXT,
    MAX_RETRIES,
    MAX_SECONDS,
    MAX_STAGE_NUMBER,
    MAX_TEXT,
    MAX_TOKENS,
    MAX_USD,
    Limits,
)
from ingest.schema import FACTS, TIMESTAMP

_DURATIONS = ("duration_seconds", "total_duration_seconds", "partial_duration_seconds")
_LABELS = ["node_type", "domain"]
_NAMES = ["event_id", *_LABELS, "primary_model", "correlation_id", "stage_name", "failed_stage", "error_code"]
_FREE_TEXTS = ["error_message", *_NAMES]
_TEXTS = ["event_type", "workflow_id", "timestamp", *_FREE_TEXTS]
#: Bounds of the numbers; those in the second table must be whole as well.
_BOUNDS = {
    "duration_ms": MAX_SECONDS * 1000,
    "duration_seconds": MAX_SECONDS,
    "total_duration_seconds": MAX_SECONDS,
    "partial_duration_seconds": MAX_SECONDS,
    "quality_score": 1.0,
    "cost_usd": MAX_USD,
    "total_cost_usd": MAX_USD,
}
_WHOLE_BOUNDS = {
    "retry_count": MAX_RETRIES,
    "stage_number": MAX_STAGE_NUMBER,
    "tokens_consumed": MAX_TOKENS,
    "total_tokens": MAX_TOKENS,
}
WIRE = pl.Schema(
    dict.fromkeys(_TEXTS, pl.String())
    | dict.fromkeys([*_BOUNDS, *_WHOLE_BOUNDS], pl.Float64())
    | {"success": pl.Boolean()}
)
#: The text of a message, beside what was read from it.
RAW = "raw"

_OF_KIND = {kind: ["event_type", *contract.model_fields] for kind, contract in CONTRACTS.items()}
_TYPE_OF_KIND = {kind: name for name, kind in EVENT_TYPES.items()}
#: So many messages tell which fields there are.
_SAMPLE = 200
_FIELD = re.compile(rb'"(\w+)"\s*:')

_UUID = r"^[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}$"
_TIME = r"^\d{4}-\d\d-\d\dT([01]\d|2[0-3]):[0-5]\d:[0-5]\d(\.\d{1,6})?(Z|\+00:00)?$"
#: How Polars spells what stood in the place of a text: a list or an object; a number, true or false.
_NESTED = r"^[\[{]"
_CONVERTED = r"^(-?[0-9][-+.eE0-9]*|true|false)$"
_NEVER = pl.lit(value=False)


def look_readable(values: Sequence[bytes]) -> list[bool]:
    """Tell which values look like one JSON object; one that is no JSON at all spoils the batch for `read_lines`.

    It is a cheap guess: a wrong one costs time, nothing else.

    >>> look_readable([b'{"tokens_consumed":1}', b'{"tokens_con', b'{"cost_usd":NaN}', b'{"x":"\\xff"}'])
    [True, False, False, False]
    """
    raw = pl.col("raw").bin
    is_whole = raw.starts_with(b"{") & raw.ends_with(b"}") & pl.col("ascii")
    spoilt = pl.any_horizontal(raw.contains(part) for part in (b"NaN", b"Infinity", b"\n"))
    columns = {"raw": pl.Series(values, dtype=pl.Binary), "ascii": list(map(bytes.isascii, values))}
    return pl.DataFrame(columns).select(is_whole & ~spoilt).to_series().to_list()


def wire_schema(kind: EventKind, values: Sequence[bytes]) -> pl.Schema:
    """Return the columns of `WIRE` to ask for: every further one costs time, whether there is such a field or not.

    A field of the kind that the sample does not have is missed: then the rows that have it are not trusted.

    >>> wire_schema(EventKind.STARTED, [b'{"workflow_id":"w","domain":"api","stage_number":1}'])
    Schema([('workflow_id', String), ('domain', String)])
    """
    sample = values[:: max(len(values) // _SAMPLE, 1)]
    seen = {"workflow_id"}.union(*({name.decode() for name in _FIELD.findall(value)} for value in sample))
    return pl.Schema({name: WIRE[name] for name in _OF_KIND[kind] if name in seen})


def read_lines(values: Sequence[bytes], schema: pl.Schema = WIRE) -> pl.DataFrame | None:
    """Read one JSON object a value: the columns of `schema` and the text itself, `raw`. What is no object is all null.

    None if a single one of the values is no JSON: the caller then tries with fewer.
    """
    text = b"\n".join(values)
    # Polars takes bytes that begin like a gzip or zstd file for one, and unpacks it.
    if not text.startswith(b"{") or text.count(b"\n") != len(values) - 1:
        return None
    try:
        frame = pl.read_ndjson(text, schema=schema, ignore_errors=True)
        raw = pl.Series(RAW, values, dtype=pl.Binary).cast(pl.String)
    except (pl.exceptions.PolarsError, pl.exceptions.PanicException, OSError):
        return None
    # Blank lines are no rows; with as many rows as values each row is the value's own.
    if frame.height != len(values):
        return None
    # In one chunk: Polars reads as many as there are pieces of work, and each expression would go through them all.
    return frame.rechunk().with_columns(raw)


def facts_of(wire: pl.DataFrame, kind: EventKind, *, now: datetime, limits: Limits) -> pl.DataFrame:
    """Turn rows of `WIRE`, or of some of its columns, into facts of events of this kind, with a column `trusted`.

    Reads besides: `raw` and `kafka_time`.
    """
    has = [name for name in WIRE if name in wire.columns]
    time = _times(wire["timestamp"]) if "timestamp" in has else pl.lit(None, dtype=TIMESTAMP)
    parsed = wire.with_columns(time.alias("time")).with_columns(event_time=pl.coalesce("time", "kafka_time"))
    trusted = pl.all_horizontal(
        _every_field_was_read(has),
        _every_text_was_text(parsed, has),
        _texts_are_plain(parsed, has),
        _names_are_known(has, kind),
        _numbers_are_in_bounds(has),
        _time_is_plausible(has, now, limits),
    )
    return parsed.select(**_facts(has, kind), trusted=trusted.fill_null(value=False))


def _times(told: pl.Series) -> pl.Series:
    """The times that these texts tell, null for what `_TIME` does not match or no calendar has."""
    # All are in UTC, whether they say so or not.
    local = pl.col("told").str.strip_suffix("Z").str.strip_suffix("+00:00")
    texts = told.to_frame("told").select(pl.when(pl.col("told").str.contains(_TIME)).then(local)).to_series()
    try:
        # Arrow reads times several times faster than Polars, but none at all if one is a 30th of February.
        times = pl.Series(texts.to_arrow(compat_level=pl.CompatLevel.oldest()).cast(pa.timestamp("us")))
    except pa.ArrowInvalid:
        times = texts.str.to_datetime("%Y-%m-%dT%H:%M:%S%.f", time_unit="us", strict=False)
    return times.dt.replace_time_zone("UTC")


def _facts(has: list[str], kind: EventKind) -> dict[str, pl.Expr]:
    def first(*names: str) -> pl.Expr:
        there = [pl.col(name) for name in names if name in has]
        return pl.coalesce(there) if there else pl.lit(None)

    seconds = first(*_DURATIONS)
    # Polars multiplies by the inverse of a constant, which is not the same to the last digit; this is no constant.
    thousand = pl.col("duration_ms") * 0 + 1000
    derived = {
        "kind": pl.lit(kind.value),
        "event_time": pl.col("event_time"),
        "attempt": 1 + first("retry_count").cast(pl.Float64).fill_null(0),
        "time_source": pl.when(pl.col("time").is_null()).then(pl.lit("kafka")).otherwise(pl.lit("payload")),
        "stage_success": first("success"),
        "duration_seconds": pl.coalesce(pl.col("duration_ms") / thousand, seconds) if "duration_ms" in has else seconds,
        "tokens": first("tokens_consumed", "total_tokens"),
        # Through text, for the decimal that the number's own digits spell.
        "cost_usd": first("cost_usd", "total_cost_usd").cast(pl.String).str.to_decimal(scale=9),
    }
    labels = {name: pl.col(name).str.strip_chars(" ").str.to_lowercase() for name in _LABELS if name in has}
    columns = derived | labels
    return {name: columns.get(name, first(name)).cast(dtype, strict=False) for name, dtype in FACTS.items()}


def _every_field_was_read(has: list[str]) -> pl.Expr:
    """As many colons as values and as colons in their texts: no field was skipped, doubled, unknown or null.

    Each field has a colon of its own, and what else has some can only add to them.
    """
    values = pl.sum_horizontal(pl.col(name).is_not_null().cast(pl.UInt32) for name in has)
    within = pl.sum_horizontal(pl.col(name).str.count_matches(":", literal=True) for name in has if name in _TEXTS)
    return pl.col(RAW).str.count_matches(":", literal=True) == values + within


def _every_text_was_text(wire: pl.DataFrame, has: list[str]) -> pl.Expr:
    """No text was something else in the message."""
    texts = [pl.col(name) for name in has if name in _FREE_TEXTS]
    nested = pl.any_horizontal(_NEVER, *(text.str.contains(_NESTED) for text in texts)).fill_null(value=False)
    converted = pl.any_horizontal(_NEVER, *(text.str.contains(_CONVERTED) for text in texts)).fill_null(value=False)
    if not _holds_for_any(wire, converted):
        return ~nested
    # "404" may have been 404. As every field was read, each text counts two quotes, and so does each name of a field.
    values = pl.sum_horizontal(
        pl.col(name).is_not_null().cast(pl.UInt32) * (4 if name in _TEXTS else 2) for name in has
    )
    raw = pl.col(RAW).str
    as_many = (raw.count_matches('"', literal=True) == values) & ~raw.contains("\\", literal=True)
    return ~nested & (~converted | as_many)


def _texts_are_plain(wire: pl.DataFrame, has: list[str]) -> pl.Expr:
    """ASCII without \\u escapes; names neither empty nor long, and without control characters."""
    raw = pl.col(RAW).str
    rules = [raw.len_bytes() == raw.len_chars()]
    names = [pl.col(name) for name in has if name in _NAMES]
    rules += [name.is_null() | name.str.len_bytes().is_between(1, MAX_TEXT) for name in names]
    rules += [name.is_null() | (name.str.strip_chars(" ") != "") for name in (pl.col(x) for x in has if x in _LABELS)]
    if "error_message" in has:
        rules += [pl.col("error_message").is_null() | (pl.col("error_message").str.len_bytes() <= MAX_MESSAGE_TEXT)]
    # JSON has control characters as escapes only.
    if _holds_for_any(wire, raw.contains("\\", literal=True)):
        rules += [~raw.contains(r"\u", literal=True)]
        rules += [name.is_null() | ~name.str.contains(r"[\x00-\x1f]") for name in names]
    return pl.all_horizontal(rules)


def _names_are_known(has: list[str], kind: EventKind) -> pl.Expr:
    """The kind is the topic's, the identifiers are spelled as the lake spells them."""
    rules = [pl.col("workflow_id").str.contains(_UUID)]
    if "event_id" in has:
        event_id = pl.col("event_id")
        rules += [event_id.is_null() | (event_id.str.len_bytes() != 36) | event_id.str.contains(_UUID)]
    if "event_type" in has:
        rules += [pl.col("event_type").is_null() | (pl.col("event_type") == _TYPE_OF_KIND[kind])]
    return pl.all_horizontal(rules)


def _numbers_are_in_bounds(has: list[str]) -> pl.Expr:
    bounds = {name: bound for name, bound in (_BOUNDS | _WHOLE_BOUNDS).items() if name in has}
    inside = (pl.col(name).is_null() | pl.col(name).is_between(0, bound) for name, bound in bounds.items())
    whole = (pl.col(name).is_null() | (pl.col(name) == pl.col(name).floor()) for name in _WHOLE_BOUNDS if name in has)
    return pl.all_horizontal(pl.lit(value=True), *inside, *whole)


def _time_is_plausible(has: list[str], now: datetime, limits: Limits) -> pl.Expr:
    latest = pl.lit(now + limits.max_ahead, dtype=TIMESTAMP)
    plausible = pl.col("event_time").is_between(pl.lit(EARLIEST, dtype=TIMESTAMP), latest)
    if "timestamp" not in has:
        return plausible
    return plausible & (pl.col("timestamp").is_null() | pl.col("time").is_not_null())


def _holds_for_any(frame: pl.DataFrame, rule: pl.Expr) -> bool:
    return bool(frame.select(rule.any()).item())
