"""Read many messages at once with Polars, and say of each whether that reading can be trusted.

Polars' JSON reader turns a number in a text field into text and a text in a number's field into null, ignores fields
that it was not asked for and takes the first of two fields with the same name. A row is trusted only if none of this
can have happened, which counting shows: every field of the text must have become a value that is not null, and every
text in it a text. What is not trusted is read again, one by one, by `ingest.decode_one`.
"""

from datetime import datetime

import polars as pl

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
from ingest.schema import FACTS, TIMESTAMP, USD

_NAMES = ["primary_model", "correlation_id", "stage_name", "failed_stage", "error_code"]
_LABELS = ["node_type", "domain"]
_TEXTS = ["event_type", "event_id", "workflow_id", "timestamp", "error_message", *_LABELS, *_NAMES]
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
RAW = {"raw": pl.String()}

_UUID = r"^[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}$"
_TIME = r"^\d{4}-\d\d-\d\dT([01]\d|2[0-3]):[0-5]\d:[0-5]\d(\.\d{1,6})?(Z|\+00:00)?$"


def looks_readable(value: bytes) -> bool:
    """Tell whether a value looks like one JSON object; one that is no JSON at all spoils the batch for `read_lines`.

    It is a cheap guess: a wrong one costs time, nothing else.

    >>> looks_readable(b'{"tokens_consumed":1}'), looks_readable(b'{"tokens_con'), looks_readable(b'{"cost_usd":NaN}')
    (True, False, False)
    """
    is_whole = value.startswith(b"{") and value.endswith(b"}") and value.isascii()
    return is_whole and not any(part in value for part in (b"NaN", b"Infinity", b"\n"))


def read_lines(values: list[bytes]) -> pl.DataFrame | None:
    """Read one JSON object a value: the columns of `WIRE` and the text itself, `raw`. What is no object is all null.

    None if a single one of the values is no JSON: the caller then tries with fewer.
    """
    text = b"\n".join(values)
    # Polars takes bytes that begin like a gzip or zstd file for one, and unpacks it.
    if not text.startswith(b"{") or text.count(b"\n") != len(values) - 1:
        return None
    try:
        frame = pl.read_ndjson(text, schema=WIRE, ignore_errors=True)
        raw = pl.Series("raw", values, dtype=pl.Binary).cast(pl.String)
    except (pl.exceptions.PolarsError, pl.exceptions.PanicException, OSError):
        return None
    # Blank lines are no rows; with as many rows as values each row is the value's own.
    if frame.height != len(values):
        return None
    return frame.with_columns(raw)


def facts_of(wire: pl.DataFrame, *, now: datetime, limits: Limits) -> pl.DataFrame:
    """Turn rows of `WIRE` into facts of events, with a column `trusted`.

    Reads besides: `kind_of_topic` (text, null if the topic is not one of ours) and `kafka_time`.
    """
    parsed = wire.with_columns(
        kind=pl.coalesce(pl.col("event_type").replace_strict(EVENT_TYPES, default=None), "kind_of_topic"),
        event_type_known=pl.col("event_type").is_null() | pl.col("event_type").is_in(list(EVENT_TYPES)),
        time=pl.when(pl.col("timestamp").str.contains(_TIME)).then(_parsed_time()),
    ).with_columns(event_time=pl.coalesce("time", "kafka_time"))
    return parsed.select(
        **_facts(),
        trusted=pl.all_horizontal(
            _everything_was_read(),
            _kind_is_known(),
            _texts_are_plain(),
            _identifiers_are_canonical(),
            _numbers_are_in_bounds(),
            _time_is_plausible(now, limits),
        ).fill_null(value=False),
    )


def _parsed_time() -> pl.Expr:
    """The times that `_TIME` matches. In two steps, as Polars parses whole seconds several times faster."""
    seconds = pl.col("timestamp").str.slice(0, 19).str.to_datetime("%Y-%m-%dT%H:%M:%S", time_unit="us", strict=False)
    digits = pl.col("timestamp").str.slice(20).str.strip_suffix("Z").str.strip_suffix("+00:00").str.pad_end(6, "0")
    fraction = pl.duration(microseconds=digits.cast(pl.Int64, strict=False).fill_null(0))
    return (seconds + fraction).dt.replace_time_zone("UTC")


def _facts() -> dict[str, pl.Expr]:
    known = {name: pl.col(name) for name in ("kind", "event_id", "workflow_id", "event_time", "error_message", *_NAMES)}
    tokens = pl.coalesce("tokens_consumed", "total_tokens")
    cost = pl.coalesce("cost_usd", "total_cost_usd")
    seconds = ("duration_seconds", "total_duration_seconds", "partial_duration_seconds")
    # Polars multiplies by the inverse of a constant, which is not the same to the last digit; this is no constant.
    thousand = pl.col("duration_ms") * 0 + 1000
    derived = {
        "attempt": 1 + pl.col("retry_count").fill_null(0),
        "time_source": pl.when(pl.col("time").is_null()).then(pl.lit("kafka")).otherwise(pl.lit("payload")),
        "stage_number": pl.col("stage_number"),
        "stage_success": pl.col("success"),
        "duration_seconds": pl.coalesce(pl.col("duration_ms") / thousand, *seconds),
        "quality_score": pl.col("quality_score"),
        "tokens": tokens,
        "extra": pl.lit(None),
    }
    labels = {name: pl.col(name).str.strip_chars(" ").str.to_lowercase() for name in _LABELS}
    columns = known | derived | labels
    # Through text, for the decimal that the number's own digits spell.
    money = cost.cast(pl.String).str.to_decimal(scale=9).cast(USD, strict=False)
    typed = {name: expression.cast(FACTS[name], strict=False) for name, expression in columns.items()}
    return {name: money if name == "cost_usd" else typed[name] for name in FACTS}


def _everything_was_read() -> pl.Expr:
    """As many values as fields, as many texts as texts: nothing was skipped, doubled, lost or converted."""
    raw = pl.col("raw").str
    # Counting literals is several times faster than a pattern that allows for blanks; so nothing has blanks elsewhere.
    blanks = raw.contains('" ', literal=True) | raw.contains(r"[\t\r]")
    fields = raw.count_matches('":', literal=True)
    texts = raw.count_matches('":"', literal=True) + raw.count_matches('": "', literal=True)
    of_kind = pl.coalesce(
        pl.when(pl.col("kind") == kind.value).then(_count(["event_type", *CONTRACTS[kind].model_fields]))
        for kind in EventKind
    )
    one_duration = pl.col("duration_ms").is_null() | pl.col("duration_seconds").is_null()
    return ~blanks & (fields == of_kind) & (texts == _count(_TEXTS)) & one_duration


def _count(names: list[str]) -> pl.Expr:
    return pl.sum_horizontal(pl.col(name).is_not_null().cast(pl.UInt32) for name in names)


def _kind_is_known() -> pl.Expr:
    return pl.col("event_type_known") & pl.col("kind").is_not_null()


def _texts_are_plain() -> pl.Expr:
    """ASCII without \\u escapes; names neither empty nor long, and without control characters."""
    raw = pl.col("raw")
    ascii_only = raw.str.len_bytes() == raw.str.len_chars()
    names = (pl.col(name) for name in ("event_id", *_LABELS, *_NAMES))
    plain = (
        name.is_null() | (name.str.len_bytes().is_between(1, MAX_TEXT) & ~name.str.contains(r"[\x00-\x1f]"))
        for name in names
    )
    blank = (pl.col(name).is_not_null() & (pl.col(name).str.strip_chars(" ") == "") for name in _LABELS)
    short = pl.col("error_message").is_null() | (pl.col("error_message").str.len_bytes() <= MAX_MESSAGE_TEXT)
    escaped = raw.str.contains(r"\u", literal=True)
    return pl.all_horizontal(ascii_only, ~escaped, short, *plain, ~pl.any_horizontal(*blank))


def _identifiers_are_canonical() -> pl.Expr:
    event_id = pl.col("event_id")
    foreign = event_id.is_null() | (event_id.str.len_bytes() != 36)
    return pl.col("workflow_id").str.contains(_UUID) & (foreign | event_id.str.contains(_UUID))


def _numbers_are_in_bounds() -> pl.Expr:
    bounds = _BOUNDS | _WHOLE_BOUNDS
    inside = (pl.col(name).is_null() | pl.col(name).is_between(0, bound) for name, bound in bounds.items())
    whole = (pl.col(name).is_null() | (pl.col(name) == pl.col(name).floor()) for name in _WHOLE_BOUNDS)
    return pl.all_horizontal(*inside, *whole)


def _time_is_plausible(now: datetime, limits: Limits) -> pl.Expr:
    told = pl.col("timestamp").is_null() | pl.col("time").is_not_null()
    latest = pl.lit(now + limits.max_ahead, dtype=TIMESTAMP)
    return told & pl.col("event_time").is_between(pl.lit(EARLIEST, dtype=TIMESTAMP), latest)
