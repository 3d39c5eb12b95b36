"""Which fields do the events bring that no contract knows: schema drift, to be seen before it is promoted."""

from dataclasses import dataclass, field
from datetime import datetime

import polars as pl

from ingest.extra import fields_of
from ingest.lake import Lake

_JSON_TYPES: dict[type, str] = {
    bool: "boolean",
    int: "number",
    float: "number",
    str: "text",
    list: "array",
    dict: "object",
    type(None): "null",
}


@dataclass(slots=True)
class UnknownField:
    """One field that no contract knows, and the events that bring it."""

    name: str
    first_seen: datetime
    last_seen: datetime
    count: int = 0
    kinds: set[str] = field(default_factory=set)
    #: JSON's types of its values: text, number, boolean, null, array, object.
    types: set[str] = field(default_factory=set)

    def note(self, kind: str, time: datetime, value: object) -> None:
        """Take one more event into account."""
        self.count += 1
        self.first_seen, self.last_seen = min(self.first_seen, time), max(self.last_seen, time)
        self.kinds.add(kind)
        self.types.add(_JSON_TYPES[type(value)])


def unknown_fields(lake: Lake) -> list[UnknownField]:
    """Return the unknown fields of all events in the lake, the most frequent first; seen is by the events' own time.

    Every event that has one is looked at: about a microsecond and a half each.
    """
    lake.refresh()
    found: dict[str, UnknownField] = {}
    events = lake.read().events.filter(pl.col("extra").is_not_null()).select("kind", "event_time", "extra")
    for piece in events.collect_batches():
        for kind, time, extra in piece.iter_rows():
            for name, value in fields_of(extra).items():
                found.setdefault(name, UnknownField(name, time, time)).note(kind, time, value)
    return sorted(found.values(), key=lambda unknown: (-unknown.count, unknown.name))
