"""The loop from Kafka into the lake: one thread fetches, another decodes and commits, one micro-batch apart."""

from collections.abc import Callable, Mapping
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass, field
from datetime import datetime
from threading import Event
from time import monotonic
from uuid import UUID, uuid5

import polars as pl
from confluent_kafka import Message

from ingest.decode import Decoder
from ingest.errors import Fenced
from ingest.lake import Advance, Change, Lake, MicroBatch, PartitionId
from ingest.messages import Messages
from ingest.policy import MicroBatchPolicy
from ingest.source import KafkaSource, columns_of

_BATCHES = UUID("0c1c9c0e-3a39-5d0b-8f5e-6f1f3a1d2b77")
_WAIT_SECONDS = 0.05


@dataclass(frozen=True, slots=True)
class Committed:
    """A micro-batch that is in the lake."""

    change: Change
    events: pl.DataFrame
    dead_letters: pl.DataFrame
    seconds: float


@dataclass(slots=True)
class _Buffer:
    """Messages that wait for their commit."""

    since: float
    messages: list[Message] = field(default_factory=list)
    size: int = 0

    def add(self, messages: list[Message], now: float) -> None:
        if not self.messages:
            self.since = now
        self.messages += messages
        self.size += sum(map(len, messages))


@dataclass(slots=True)
class Ingestor:
    """Moves messages from a source into a lake, each exactly once.

    At most one micro-batch is being committed while the next one is being fetched; a slow lake thus slows the fetching.
    """

    source: KafkaSource
    lake: Lake
    decoder: Decoder
    clock: Callable[[], datetime]
    policy: MicroBatchPolicy = field(default_factory=MicroBatchPolicy)
    on_commit: Callable[[Committed], None] = field(default=lambda _: None)
    _next_offsets: dict[PartitionId, int | None] = field(init=False, default_factory=dict)
    _buffer: _Buffer = field(init=False, default_factory=lambda: _Buffer(0.0))
    _pending: "Future[Committed] | None" = field(init=False, default=None)

    def run(self, *, stop: Event, until_end: bool = False) -> None:
        """Ingest until `stop` is set or, if `until_end`, until the end of every partition.

        What was fetched is committed before this returns. Raises the errors of the source and of the lake.
        """
        with ThreadPoolExecutor(1, thread_name_prefix="commit") as committer:
            self._place()
            while not stop.is_set():
                self._buffer.add(self.source.poll(_WAIT_SECONDS), monotonic())
                if self._pending is not None and self._pending.done():
                    self._settle()
                if self._is_due():
                    self._hand_over(committer)
                if until_end and self.source.at_end and self._flush(committer):
                    return
            self._flush(committer)

    def _is_due(self) -> bool:
        age = monotonic() - self._buffer.since
        return self.policy.is_due(rows=len(self._buffer.messages), size=self._buffer.size, age_seconds=age)

    def _flush(self, committer: ThreadPoolExecutor) -> bool:
        """Commit what was fetched; False if it was dropped because another writer was first."""
        return self._hand_over(committer) and self._settle()

    def _hand_over(self, committer: ThreadPoolExecutor) -> bool:
        """Wait for the micro-batch before, then start to commit this one; False if it was dropped."""
        if not self._settle():
            return False
        if self._buffer.messages:
            self._pending = committer.submit(self._commit, self._buffer.messages)
            self._buffer = _Buffer(monotonic())
        return True

    def _settle(self) -> bool:
        """Wait for the commit under way; False if another writer was first: what was fetched since is dropped then."""
        pending, self._pending = self._pending, None
        if pending is None:
            return True
        try:
            committed = pending.result()
        except Fenced:
            self.lake.refresh()
            self._place()
            return False
        self.source.note_progress({place: offset for place, offset in self._next_offsets.items() if offset is not None})
        self.on_commit(committed)
        return True

    def _place(self) -> None:
        """Read on from where the lake ends."""
        self._buffer = _Buffer(monotonic())
        self._next_offsets = {partition: self.lake.next_offset(partition) for partition in self.source.partitions}
        self.source.start(self._next_offsets)

    def _commit(self, received: list[Message]) -> Committed:
        began = monotonic()
        messages = columns_of(received)
        advances = self._advances(messages)
        batch_id = _batch_id(advances)
        decoded = self.decoder.decode(messages, now=self.clock(), batch_id=batch_id)
        batch = MicroBatch(batch_id, decoded.events, decoded.dead_letters, advances)
        change = self.lake.append(batch)
        self._next_offsets.update({partition: advance.next_offset for partition, advance in advances.items()})
        return Committed(change, decoded.events, decoded.dead_letters, monotonic() - began)

    def _advances(self, messages: Messages) -> dict[PartitionId, Advance]:
        cluster = self.source.partitions[0].cluster
        # Offsets of a partition come in order, so the last one written here is the highest.
        last = dict(zip(zip(messages.topics, messages.partitions, strict=True), messages.offsets, strict=True))
        places = {PartitionId(cluster, topic, partition): offset for (topic, partition), offset in last.items()}
        return {place: Advance(self._next_offsets[place], offset + 1) for place, offset in places.items()}


def _batch_id(advances: Mapping[PartitionId, Advance]) -> str:
    """A batch is named for what it read: the same messages in the same batch give the same name."""
    read = sorted(
        f"{place.app_id}:{advance.continues_from}-{advance.next_offset}" for place, advance in advances.items()
    )
    return str(uuid5(_BATCHES, "|".join(read)))
