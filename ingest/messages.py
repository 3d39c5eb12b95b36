"""Messages as they came from Kafka, column by column: an object for each would cost more than reading it."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

Header = tuple[str, bytes | None]


def _nothing(_: int) -> tuple[bytes | None, Sequence[Header]]:
    return None, ()


@dataclass(frozen=True, slots=True)
class Messages:
    """Parallel lists, one entry a message, in the order of arrival."""

    topics: list[str]
    partitions: list[int]
    offsets: list[int]
    #: Kafka's own time of the message, in milliseconds since 1970; None where the broker keeps none.
    timestamps_ms: list[int | None]
    values: list[bytes | None]
    #: Key and headers of the message at an index; asked for refused messages only.
    key_and_headers: Callable[[int], tuple[bytes | None, Sequence[Header]]] = field(default=_nothing)

    def __len__(self) -> int:
        return len(self.values)

    @property
    def size(self) -> int:
        """Bytes of all values."""
        return sum(map(len, filter(None, self.values)))
