"""What a value may be at most before we take it for a mistake."""

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

MAX_TEXT = 255
MAX_MESSAGE_TEXT = 1_000_000
MAX_STAGE_NUMBER = 1_000
MAX_RETRIES = 10_000
MAX_SECONDS = 10 * 366 * 86_400.0
MAX_TOKENS = 10**12
MAX_USD = 1_000_000.0
EARLIEST = datetime(2000, 1, 1, tzinfo=UTC)


@dataclass(frozen=True, slots=True)
class Limits:
    """What a team may set."""

    max_message_bytes: int = 1_048_576
    #: A producer's clock may be ahead of ours by this much.
    max_ahead: timedelta = timedelta(minutes=5)
