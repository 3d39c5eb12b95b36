"""Messages as they came from Kafka, column by column: an object for each would cost more than reading it."""

from collections.abc import Sequence
from dataclasses import dataclass, field

Header = tuple[str, str | bytes | None]


@dataclass(slots=True)
class Messages:
    """Parallel lists, one entry a message, in the order of arrival. Keys and headers may be left out altogether."""

    topics: list[str] = field(default_factory=list)
    partitions: list[int] = field(default_factory=list)
    offsets: list[int] = field(default_factory=list)
    #: Kafka's own time of the message, in milliseconds since 1970; None where the broker keeps none.
    timestamps_ms: list[int | None] = field(default_factory=list)
    values: list[bytes | None] = field(default_factory=list)
    keys: list[str | bytes | None] = field(default_factory=list)
    headers: list[list[Header] | None] = field(default_factory=list)

    def __len__(self) -> int:
        return len(self.values)

    def extend(self, others: "Messages") -> None:
        """Add messages that came later."""
        self.topics += others.topics
        self.partitions += others.partitions
        self.offsets += others.offsets
        self.timestamps_ms += others.timestamps_ms
        self.values += others.values
        self.keys += others.keys
        self.headers += others.headers

    def key_and_headers(self, index: int) -> tuple[bytes | None, Sequence[tuple[str, bytes | None]]]:
        """Return the key and the headers of one message, as bytes."""
        key = _bytes(self.keys[index]) if self.keys else None
        headers = (self.headers[index] if self.headers else None) or []
        return key, [(name, _bytes(value)) for name, value in headers]


def _bytes(value: str | bytes | None) -> bytes | None:
    return value.encode() if isinstance(value, str) else value
