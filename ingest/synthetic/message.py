"""What a producer hands to Kafka."""

from datetime import datetime
from typing import Literal, NamedTuple

Kind = Literal["started", "stage_completed", "completed", "failed"]


class SyntheticMessage(NamedTuple):
    """One message, ready to be sent to the topic of its kind."""

    kind: Kind
    key: bytes  # the workflow's id, in a broken message too
    value: bytes  # JSON in UTF-8, unless broken on purpose
    timestamp: datetime  # UTC: when it was sent, which may be days after what it tells happened
