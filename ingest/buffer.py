"""Messages that wait for their commit."""

from dataclasses import dataclass, field

from confluent_kafka import Message

from ingest.messages import Messages
from ingest.policy import MicroBatchPolicy
from ingest.source import columns_of


@dataclass(slots=True)
class Buffer:
    """What was fetched since the last micro-batch."""

    #: Since when a message may have been waiting: that of the first one's coming, or when we last saw that none was
    #: there. While a micro-batch is decoded nobody fetches, and what comes meanwhile must not wait twice.
    since: float
    messages: Messages = field(default_factory=Messages)
    #: Bytes of the values.
    size: int = 0

    def add(self, received: list[Message], now: float) -> None:
        """Add what came at this time."""
        # Taken apart at once: to keep an object for each until the commit costs a tenth of the time, for the garbage
        # collector looks through them again and again.
        if not received:
            if not self.messages:
                self.since = now
            return
        self.messages.extend(columns_of(received))
        self.size += sum(map(len, received))

    def is_due(self, policy: MicroBatchPolicy, now: float) -> bool:
        """Tell whether it is time to commit what is here."""
        return policy.is_due(rows=len(self.messages), size=self.size, age_seconds=now - self.since)
