"""The loop from Kafka into the lake: one thread fetches and decodes, another commits, one micro-batch behind."""

import logging
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from enum import Enum, auto
from threading import Event
from time import monotonic
from uuid import UUID, uuid5

from ingest.buffer import Buffer
from ingest.cap import DeadLetterCap, RefusedShares
from ingest.committer import Committed as Committed
from ingest.committer import Committer
from ingest.decode import Decoder
from ingest.errors import Fenced, KafkaFailure, LakeFailure, TopicReplaced
from ingest.gaps import Gap, GapReason, gap_between
from ingest.lake import Lake
from ingest.messages import Messages
from ingest.micro_batch import Advance, MicroBatch
from ingest.partition_id import PartitionId
from ingest.policy import MicroBatchPolicy, RetryPolicy
from ingest.progress import Progress
from ingest.schema import DEAD_LETTERS, EVENTS
from ingest.source import KafkaSource, Offsets

log = logging.getLogger(__name__)

_BATCHES = UUID("0c1c9c0e-3a39-5d0b-8f5e-6f1f3a1d2b77")
_WAIT_SECONDS = 0.05
#: How often it is noted how far Kafka is.
_SEE_SECONDS = 0.5
#: A commit that takes longer than this pauses the fetching; a short wait costs less than fetching again.
_PAUSE_SECONDS = 2.0
#: How long the group waits for our commit before it gives our partitions to others.
_HANDING_ON_SECONDS = 10.0


class _Amiss(Enum):
    """What has to be settled anew before anything more is read."""

    PLACE = auto()
    TOPICS = auto()


@dataclass(slots=True)
class Ingestor:
    """Moves messages from a source into a lake, each exactly once.

    At most one micro-batch is being committed while the next one is being fetched; a slow lake thus slows the fetching,
    and a lake that stands still stops it.
    """

    source: KafkaSource
    lake: Lake
    decoder: Decoder
    clock: Callable[[], datetime]
    policy: MicroBatchPolicy = field(default_factory=MicroBatchPolicy)
    on_commit: Callable[[Committed], None] = field(default=lambda _: None)
    #: Whether to share the partitions with other processes of the same consumer group.
    shares: bool = False
    retry: RetryPolicy = field(default_factory=RetryPolicy)
    cap: DeadLetterCap = field(default_factory=DeadLetterCap)
    #: Topics are looked at this often, whether they are still the same; before each commit they are anyway.
    look_seconds: float = 5.0
    #: How far the lake is; others may read it.
    progress: Progress = field(init=False, default_factory=Progress)
    _next_offsets: dict[PartitionId, int | None] = field(init=False, default_factory=dict)
    _buffer: Buffer = field(init=False, default_factory=lambda: Buffer(0.0))
    _committer: Committer = field(init=False)
    _refused: RefusedShares = field(init=False)
    _looked: float = field(init=False, default=0.0)
    _seen: float = field(init=False, default=0.0)
    #: Until then nothing that is amiss is tried to be put right.
    _wait_until: float = field(init=False, default=0.0)
    #: What we read next has to be settled anew: by the lake, or by the topics that there are now.
    _amiss: _Amiss | None = field(init=False, default=None)
    #: The newest offsets of the partitions when their topics were last known to be the same.
    _highs: dict[PartitionId, int] = field(init=False, default_factory=dict)

    def run(self, *, stop: Event, until_end: bool = False) -> None:
        """Ingest until `stop` is set or, if `until_end`, until the end of every partition.

        What was fetched is committed before this returns. Raises the errors of the source and of the lake, and
        `TooManyDeadLetters`.
        """
        self._refused = RefusedShares(self.cap)
        with Committer(self.lake, self.source.topics, self.retry, stop) as self._committer:
            self._begin()
            while True:
                self._fetch(stop, until_end)
                # Who was fenced off at the end is placed anew, and has not seen the end from there.
                if (self._hand_over() and self._settle()) or stop.is_set():
                    return

    def given(self, places: Sequence[PartitionId]) -> Offsets:
        """Say where the lake ends in these partitions, which the consumer group has just given us."""
        try:
            offsets = self._lake_ends(places)
        except LakeFailure as error:
            log.warning("%s; not reading what the group has given us until it can be read", error)
            return {}
        self._next_offsets |= offsets
        self.progress.add(offsets)
        return offsets

    def taken(self, places: Sequence[PartitionId], *, is_lost: bool) -> None:
        """Commit what was fetched before the group gives these partitions to others; or drop it, if it has already."""
        if is_lost or not self._is_handed_on():
            self._drop(_Amiss.PLACE)
        for place in places:
            self._next_offsets.pop(place, None)
        self.progress.remove(places)

    def _begin(self) -> None:
        self._looked = monotonic()
        if self.shares:
            self.source.join(self)
        else:
            self._place(self.source.partitions)

    def _fetch(self, stop: Event, until_end: bool) -> None:
        self._put_right()
        while not stop.is_set() and not (until_end and self.source.at_end):
            received = self.source.poll(_WAIT_SECONDS)
            if self._amiss is None:
                self._buffer.add(received, monotonic())
            # Told as soon as it is done: the next micro-batch may be long in coming.
            if self._committer.is_busy and self._committer.is_done_within(0):
                self._settle()
            if self._buffer.is_due(self.policy, monotonic()):
                self._hand_over()
            self._look_around()
            self._put_right()

    def _look_around(self) -> None:
        """Notice what has become of the topics: messages that are gone, topics made anew, partitions added."""
        if monotonic() - self._seen > _SEE_SECONDS:
            self._seen = monotonic()
            self.progress.see(self.source.high_watermarks())
        if self._amiss is None and self.source.not_there():
            self._fill_gaps()
        elif monotonic() - self._looked > self.look_seconds:
            self._looked = monotonic()
            if self.source.has_changed() and self._hand_over() and self._settle():
                self._drop(_Amiss.TOPICS)

    def _hand_over(self) -> bool:
        """Decode what was fetched, then start to commit it; False if it was dropped.

        Decoding here and not in the committer's thread lets it run while the micro-batch before is being written:
        that is nearly all Rust, whereas two threads of Python would only wait for each other.
        """
        batch = self._decoded() if self._amiss is None else None
        if not self._settle():
            return False
        # While we waited, the group may have taken partitions of it: whoever has them now reads them again.
        if batch is not None and self._amiss is None:
            if not batch.advances.keys() <= self._next_offsets.keys():
                self._drop(_Amiss.PLACE)
                return False
            self._refused.check(batch.events, batch.dead_letters)
            self._committer.submit(batch)
        return self._amiss is None

    def _settle(self) -> bool:
        """Wait for the commit under way; False if it was in vain: what was fetched since is dropped then."""
        self._wait_for_commit()
        try:
            committed = self._committer.take()
        except Fenced as error:
            log.info("another writer was first: %s", error)
            self._drop(_Amiss.PLACE)
            return False
        except TopicReplaced as error:
            log.warning("%s", error)
            self._drop(_Amiss.TOPICS)
            return False
        if committed is not None:
            self._note(committed)
        return True

    def _wait_for_commit(self) -> None:
        if self._committer.is_done_within(_PAUSE_SECONDS):
            return
        while not self._committer.is_done_within(_WAIT_SECONDS):
            # Nothing comes while we are paused, but the group wants to hear from us, and may give us more.
            self.source.pause()
            self._buffer.add(self.source.poll(0), monotonic())
        self.source.resume()

    def _is_handed_on(self) -> bool:
        """Commit everything fetched, if that can be done before others are to go on from there.

        If we are called while a commit is waited for, a micro-batch may be on its way to it: too late for that one.
        """
        if self._committer.is_busy and not self._committer.is_done_within(_HANDING_ON_SECONDS):
            return False
        return self._hand_over() and self._committer.is_done_within(_HANDING_ON_SECONDS) and self._settle()

    def _note(self, committed: Committed) -> None:
        advances = committed.batch.advances
        self.source.note_progress({place: advance.next_offset for place, advance in advances.items()})
        self._highs = self.source.high_watermarks()
        self.progress.see(self._highs)
        self.progress.note(committed)
        for gap in committed.batch.gaps:
            log.warning("%s", gap)
        self.on_commit(committed)

    def _drop(self, amiss: _Amiss) -> None:
        """Forget what was fetched and not committed; it is read again from where the lake ends.

        The placing itself waits for `_put_right`: it is not to be done while the group tells us something.
        """
        self._buffer = Buffer(monotonic())
        if self._amiss is not _Amiss.TOPICS:
            self._amiss = amiss

    def _put_right(self) -> None:
        """Do what is amiss; a service tries again later if the lake or Kafka is away just now."""
        if self._amiss is None or monotonic() < self._wait_until:
            return
        try:
            if self._amiss is _Amiss.TOPICS:
                self._place_anew()
            else:
                self._place(self.source.partitions)
        except (KafkaFailure, LakeFailure) as error:
            if not self.retry.is_endless:
                raise
            log.warning("%s; trying again", error)
            self._wait_until = monotonic() + self.retry.longest_pause_seconds

    def _place(self, places: Iterable[PartitionId]) -> None:
        """Read on from where the lake ends."""
        self._next_offsets = self._lake_ends(places)
        self.progress.begin(self._next_offsets)
        self.source.start(self._next_offsets)
        self._buffer, self._amiss = Buffer(monotonic()), None

    def _lake_ends(self, places: Iterable[PartitionId]) -> dict[PartitionId, int | None]:
        with self._committer.lock:
            self.lake.refresh()
            return {place: self.lake.next_offset(place) for place in places}

    def _place_anew(self) -> None:
        """Read the topics as they are now; those made anew are others, and are read from their beginning."""
        before, present = self._next_offsets, self.source.present()
        replaced = self.source.topics.replaced(before)
        unread = list(self._unread(place for place in set(before) - set(present) if place.topic in replaced))
        self._place(present)
        if unread:
            self._close(unread)

    def _unread(self, gone: Iterable[PartitionId]) -> Iterable[Gap]:
        """Yield what was in partitions that are no more, as far as we know, and did not come into the lake."""
        for place, offset in self._lake_ends(sorted(gone)).items():
            high = self._highs.get(place)
            if offset is not None and high is not None and high > offset:
                yield Gap(place, offset, high, GapReason.TOPIC_REPLACED, self.clock())

    def _fill_gaps(self) -> None:
        """Kafka does not have what is to be read next: say what is missing, keep that, and go on behind it."""
        if not (self._hand_over() and self._settle()):
            return
        if self.source.has_changed():
            self._drop(_Amiss.TOPICS)
            return
        gaps = [gap for place in self.source.not_there() if (gap := self._gap(place))]
        if gaps:
            self._close(gaps)
        else:
            # By its ends Kafka has it after all: do not ask the same again without a pause.
            self._wait_until = monotonic() + _SEE_SECONDS
        self._drop(_Amiss.PLACE)

    def _gap(self, place: PartitionId) -> Gap | None:
        offset, told = self._next_offsets[place], self.source.low_and_high(place)
        return None if offset is None or told is None else gap_between(place, offset, *told, self.clock())

    def _close(self, gaps: Sequence[Gap]) -> None:
        """Keep gaps and move on behind them; a topic that is gone has nothing to move on to."""
        wanted = {GapReason.RETENTION: lambda gap: gap.first_offset, GapReason.TRUNCATED: lambda gap: gap.next_offset}
        advances = {gap.place: Advance(wanted[gap.reason](gap), gap.resume_at) for gap in gaps if gap.reason in wanted}
        nothing = EVENTS.to_frame(), DEAD_LETTERS.to_frame()
        self._committer.submit(MicroBatch(_batch_id(advances), *nothing, advances, gaps))
        self._settle()

    def _decoded(self) -> MicroBatch | None:
        """Turn what was fetched into a micro-batch, and begin the next one."""
        messages, self._buffer = self._buffer.messages, Buffer(monotonic())
        if not messages:
            return None
        advances = self._advances(messages)
        batch_id = _batch_id(advances)
        decoded = self.decoder.decode(messages, now=self.clock(), batch_id=batch_id)
        self._next_offsets |= {place: advance.next_offset for place, advance in advances.items()}
        return MicroBatch(batch_id, decoded.events, decoded.dead_letters, advances)

    def _advances(self, messages: Messages) -> dict[PartitionId, Advance]:
        places = {(place.topic, place.partition): place for place in self._next_offsets}
        # Offsets of a partition come in order, so the last one written here is the highest.
        last = dict(zip(zip(messages.topics, messages.partitions, strict=True), messages.offsets, strict=True))
        return {places[key]: Advance(self._next_offsets[places[key]], offset + 1) for key, offset in last.items()}


def _batch_id(advances: Mapping[PartitionId, Advance]) -> str:
    """A batch is named for what it read: the same messages in the same batch give the same name."""
    read = sorted(
        f"{place.app_id}:{advance.continues_from}-{advance.next_offset}" for place, advance in advances.items()
    )
    return str(uuid5(_BATCHES, "|".join(read)))
