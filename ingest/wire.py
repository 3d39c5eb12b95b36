"""Read many messages of one topic at once with Polars' JSON reader; `ingest.trust` says what of it can be relied on."""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np
import polars as pl

from ingest.contracts import CONTRACTS
from ingest.kinds import EventKind
from ingest.limits import MAX_RETRIES, MAX_SECONDS, MAX_STAGE_NUMBER, MAX_TOKENS, MAX_USD

LABELS = ("node_type", "domain")
#: Texts that name something: neither empty nor long.
NAMES = ("event_id", *LABELS, "primary_model", "correlation_id", "stage_name", "failed_stage", "error_code")
FREE_TEXTS = ("error_message", *NAMES)
TEXTS = ("event_type", "workflow_id", "timestamp", *FREE_TEXTS)
#: Bounds of the numbers; those in the second table must be whole as well.
BOUNDS = {
    "duration_ms": MAX_SECONDS * 1000,
    "duration_seconds": MAX_SECONDS,
    "total_duration_seconds": MAX_SECONDS,
    "partial_duration_seconds": MAX_SECONDS,
    "quality_score": 1.0,
    "cost_usd": MAX_USD,
    "total_cost_usd": MAX_USD,
}
WHOLE_BOUNDS = {
    "retry_count": MAX_RETRIES,
    "stage_number": MAX_STAGE_NUMBER,
    "tokens_consumed": MAX_TOKENS,
    "total_tokens": MAX_TOKENS,
}
WIRE = pl.Schema(
    dict.fromkeys(TEXTS, pl.String())
    | dict.fromkeys([*BOUNDS, *WHOLE_BOUNDS], pl.Float64())
    | {"success": pl.Boolean()}
)
#: The text of a message, beside what was read from it.
RAW = "raw"

_OF_KIND = {kind: ["event_type", *contract.model_fields] for kind, contract in CONTRACTS.items()}
#: So many messages tell which fields there are.
_SAMPLE = 64
_FIELD = re.compile(rb'"(\w+)"\s*:')


@dataclass(frozen=True)
class Wire:
    """What was read from messages, one row each: some columns of `WIRE`, and the texts that they were read from.

    What is no object is all null.
    """

    frame: pl.DataFrame
    values: Sequence[bytes]
    #: The values, one a line.
    text: bytes

    @cached_property
    def has(self) -> tuple[str, ...]:
        """The columns of `WIRE` that were asked for, in its order."""
        columns = set(self.frame.columns)
        return tuple(name for name in WIRE if name in columns)

    @cached_property
    def is_plain(self) -> bool:
        """Whether all are ASCII and without escapes: then each text value stands in its message as it was read."""
        return self.text.isascii() and b"\\" not in self.text

    @cached_property
    def has_one_object_each(self) -> bool:
        """Whether each value is one flat object, so that the reader cannot have found two in one and none in another.

        Each value begins with a brace, and there are no others.
        """
        return self.text.count(b"\n{") == len(self.values) - 1 and self.count(b"{") == len(self.values)

    def count(self, character: bytes) -> int:
        """Return how often an ASCII character is in all texts together; `bytes.count` is slow where there are many."""
        return int(np.count_nonzero(np.frombuffer(self.text, np.uint8) == ord(character)))

    @cached_property
    def raw(self) -> pl.Series:
        """The texts, beside the rows of `frame`. Raises Polars' `InvalidOperationError` if one is no UTF-8."""
        return pl.Series(RAW, self.values, dtype=pl.Binary).cast(pl.String)


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


def read_lines(values: Sequence[bytes], schema: pl.Schema = WIRE) -> Wire | None:
    """Read one JSON object a value: the columns of `schema`, for each value one row.

    None if a single one of the values is no JSON: the caller then tries with fewer.
    """
    text = b"\n".join(values)
    # Polars takes bytes that begin like a gzip or zstd file for one, and unpacks it.
    if not text.startswith(b"{") or text.count(b"\n") != len(values) - 1:
        return None
    try:
        frame = pl.read_ndjson(text, schema=schema, ignore_errors=True)
        # In one chunk: Polars reads as many as there are pieces of work, and each expression would go through them all.
        wire = Wire(frame.rechunk(), values, text)
        _ = wire.is_plain or wire.raw
    except (pl.exceptions.PolarsError, pl.exceptions.PanicException, OSError):
        return None
    # Blank lines are no rows; with as many rows as values each row is the value's own.
    return wire if frame.height == len(values) else None
