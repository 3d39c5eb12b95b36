"""The loop from Kafka into the lake: one thread fetches and decodes, another commits, one micro-batch behind."""

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
    batch: MicroBatch

    @property
    def events(self) -> pl.DataFrame:
        """The rows that came to the events."""
        return self.batch.events

    @property
    def dead_letters(self) -> pl.DataFrame:
        """The messages that were refused."""
        return self.batch.dead_letters


@dataclass(slots=True)
class _Buffer:
    """Messages that wait for their commit."""

    since: float
    messages: Messages = field(default_factory=Messages)
    size: int = 0

    def add(self, received: list[Message], now: float) -> None:
        # Taken apart at once: to keep an object for each until the commit costs a tenth of the time, for the garbage
        # collector looks through them again and again.
        if not received:
            return
        if not self.messages:
            self.since = now
        self.messages.extend(columns_of(received))
        self.size += sum(map(len, received))


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
            while True:
                self._fetch(committer, stop, until_end)
                # Who was fenced off at the end was placed anew, and has not seen the end from there.
                if (self._hand_over(committer) and self._settle()) or stop.is_set():
                    return

    def _fetch(self, committer: ThreadPoolExecutor, stop: Event, until_end: bool) -> None:
        while not stop.is_set() and not (until_end and self.source.at_end):
            self._buffer.add(self.source.poll(_WAIT_SECONDS), monotonic())
            # Told as soon as it is done: the next micro-batch may be long in coming.
            if self._pending is not None and self._pending.done():
                self._settle()
            buffer = self._buffer
            age = monotonic() - buffer.since
            if self.policy.is_due(rows=len(buffer.messages), size=buffer.size, age_seconds=age):
                self._hand_over(committer)

    def _hand_over(self, committer: ThreadPoolExecutor) -> bool:
        """Decode what was fetched, then start to commit it; False if it was dropped.

        Decoding here and not in the committer's thread lets it run while the micro-batch before is being written:
        that is nearly all Rust, whereas two threads of Python would only wait for each other.
        """
        batch = self._decoded()
        if not self._settle():
            return False
        if batch is not None:
            self._pending = committer.submit(self._commit, batch)
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
        advances = committed.batch.advances
        self.source.note_progress({place: advance.next_offset for place, advance in advances.items()})
        self.on_commit(committed)
        return True

    def _place(self) -> None:
        """Read on from where the lake ends."""
        self._buffer = _Buffer(monotonic())
        self._next_offsets = {partition: self.lake.next_offset(partition) for partition in self.source.partitions}
        self.source.start(self._next_offsets)

    def _decoded(self) -> MicroBatch | None:
        """Turn what was fetched into a micro-batch, and begin the next one."""
        messages, self._buffer = self._buffer.messages, _Buffer(monotonic())
        if not messages:
            return None
        advances = self._advances(messages)
        batch_id = _batch_id(advances)
        decoded = self.decoder.decode(messages, now=self.clock(), batch_id=batch_id)
        self._next_offsets.update({partition: advance.next_offset for partition, advance in advances.items()})
        return MicroBatch(batch_id, decoded.events, decoded.dead_letters, advances)

    def _commit(self, batch: MicroBatch) -> Committed:
        return Committed(self.lake.append(batch), batch)

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
