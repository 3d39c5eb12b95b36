"""Read the topics from where the lake ends: all their partitions, or those that a consumer group gives us."""

import gc
import logging
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from threading import Thread
from typing import Protocol, cast

from confluent_kafka import (
    OFFSET_BEGINNING,
    TIMESTAMP_NOT_AVAILABLE,
    Consumer,
    KafkaError,
    KafkaException,
    Message,
    TopicPartition,
)

from ingest.errors import KafkaFailure
from ingest.kafka import KafkaSettings
from ingest.messages import Header, Messages
from ingest.partition_id import PartitionId
from ingest.silence import Silence
from ingest.topics import Topics

log = logging.getLogger(__name__)

_AT_ONCE = 10_000
#: A message without an error has a topic, a partition and an offset.
_TOPIC = cast("Callable[[Message], str]", Message.topic)
_PARTITION = cast("Callable[[Message], int]", Message.partition)
_OFFSET = cast("Callable[[Message], int]", Message.offset)
_VALUE = cast("Callable[[Message], bytes | None]", Message.value)
_HEADERS = cast("Callable[[Message], list[Header] | None]", Message.headers)
#: A commit of offsets that is under way when Kafka dies would hold up librdkafka for minutes.
_LEAVE_SECONDS = 5.0
#: Errors that librdkafka reports and then heals by itself.
_PASSING = {
    KafkaError._TRANSPORT,
    KafkaError._ALL_BROKERS_DOWN,
    KafkaError._TIMED_OUT,
    KafkaError._RESOLVE,
    # The machine stood still for minutes: the group has taken our partitions, and gives us some again.
    KafkaError._MAX_POLL_EXCEEDED,
}
#: The offset to read next is not there.
_NOT_THERE = {KafkaError._AUTO_OFFSET_RESET, KafkaError.OFFSET_OUT_OF_RANGE}
#: A topic is not there now: whoever asks `has_changed` learns of it.
_GONE = {KafkaError.UNKNOWN_TOPIC_OR_PART, KafkaError._UNKNOWN_TOPIC, KafkaError._UNKNOWN_PARTITION}

#: What each message being read once rests on; a setting of the user's must not change it.
_NOT_FOR_USERS: dict[str, str | bool] = {
    # An offset that Kafka does not have any more is an error to show, not a reason to skip.
    "auto.offset.reset": "error",
    "enable.auto.commit": False,
    # What a producer has aborted is no event.
    "isolation.level": "read_committed",
    "enable.partition.eof": True,
    # Who joins or leaves takes nothing from those who keep theirs.
    "partition.assignment.strategy": "cooperative-sticky",
}

Offsets = Mapping[PartitionId, int | None]
_Key = tuple[str, int]


class Member(Protocol):
    """Who is told, while it polls, what a consumer group gives and takes."""

    def given(self, places: Sequence[PartitionId]) -> Offsets:
        """Say from where to read these partitions; None is the oldest message there is."""

    def taken(self, places: Sequence[PartitionId], *, is_lost: bool) -> None:
        """Let go of these partitions. If they are lost, somebody else may have them already."""


@dataclass(slots=True)
class KafkaSource:
    """A consumer of the four topics, placed by us and never by the group's committed offsets."""

    settings: KafkaSettings
    #: How long Kafka may be silent before we say so.
    timeout_seconds: float = 30.0
    #: The consumer group; if none is named, that of the environment.
    group: str = ""
    #: Whether a Kafka that has become silent is waited for, for good.
    is_patient: bool = False
    topics: Topics = field(init=False)
    _silence: Silence = field(init=False)
    _consumer: Consumer = field(init=False)
    #: The partitions that we read.
    _places: dict[_Key, PartitionId] = field(init=False, default_factory=dict)
    #: Those that the group has given us; a topic that is gone for a while has none to read, but is still ours.
    _owned: set[_Key] = field(init=False, default_factory=set)
    _ended: set[_Key] = field(init=False, default_factory=set)
    _not_there: set[_Key] = field(init=False, default_factory=set)
    _member: Member | None = field(init=False, default=None)
    #: The group took partitions from us during the present poll.
    _was_taken: bool = field(init=False, default=False)
    _failure: Exception | None = field(init=False, default=None)

    def __post_init__(self) -> None:
        self._silence = Silence(self.settings, self.timeout_seconds, self.is_patient)
        self.topics = Topics(self.settings, min(self.timeout_seconds, 10.0))
        self._places = _by_key(self._existing())
        self._consumer = self.settings.made(
            lambda options: Consumer({**options, **_NOT_FOR_USERS, "error_cb": self._silence.note}),
            group_id=self.group or self.settings.group,
            session_timeout_ms=10_000,
            heartbeat_interval_ms=1_000,
            topic_metadata_refresh_interval_ms=10_000,
            # More than is fetched while a micro-batch is decoded; each message there costs as much again as its bytes.
            queued_max_messages_kbytes=16_384,
            fetch_wait_max_ms=50,
            # While a commit holds us up the queue fills; its refilling must not wait for the usual second after that.
            fetch_queue_backoff_ms=10,
        )

    @property
    def partitions(self) -> Sequence[PartitionId]:
        """The partitions that we read: all of the four topics, or those that the group has given us."""
        return list(self._places.values())

    @property
    def at_end(self) -> bool:
        """Whether the end of every partition has been seen since `start`."""
        return len(self._ended) == len(self._places)

    def join(self, member: Member) -> None:
        """Share the partitions with the others of the group; `member` is told during `poll` which ones are ours."""
        self._member, self._places = member, {}
        self._consumer.subscribe(
            list(self.settings.topics),
            on_assign=self._on_given,
            on_revoke=lambda _, taken: self._on_taken(taken, is_lost=False),
            on_lost=lambda _, taken: self._on_taken(taken, is_lost=True),
        )

    def start(self, next_offsets: Offsets) -> None:
        """Read just these partitions, on from these offsets; None is the oldest message there is."""
        self._ended.clear()
        self._not_there.clear()
        if self._member is None:
            self._consumer.assign(_positions(next_offsets))
        else:
            self._consumer.incremental_unassign(self._consumer.assignment())
            self._consumer.incremental_assign(_positions(next_offsets))
        self._places = _by_key(next_offsets)

    def poll(self, timeout_seconds: float) -> list[Message]:
        """Return what has come within this time, 10,000 messages at most. Raises `KafkaFailure`.

        What a `Member` raises is raised here, too.
        """
        self._was_taken = False
        with _collector_paused():
            received = self._consumer.consume(_AT_ONCE, timeout_seconds)
        if self._failure is not None:
            raise self._failure
        if any(map(Message.error, received)):
            for message in received:
                self._note(message)
            received = [message for message in received if message.error() is None]
        if self._was_taken:
            received = [one for one in received if (_TOPIC(one), _PARTITION(one)) in self._places]
        if received:
            self._silence.broken()
        self._silence.check(self._consumer)
        return received

    def pause(self) -> None:
        """Fetch nothing until `resume`; `poll` still keeps us in the group."""
        self._consumer.pause(self._consumer.assignment())

    def resume(self) -> None:
        """Go on fetching."""
        self._consumer.resume(self._consumer.assignment())

    def not_there(self) -> list[PartitionId]:
        """Return the partitions whose next offset Kafka does not have; `start` forgets them."""
        return [self._places[key] for key in sorted(self._not_there) if key in self._places]

    def has_changed(self) -> bool:
        """Ask whether topics were made anew, deleted or, if we read all partitions, given more of them."""
        if self.topics.replaced(self.partitions):
            return True
        try:
            return set(self._ours(self.topics.partitions())) != set(self.partitions)
        except KafkaFailure:
            return False

    def present(self) -> list[PartitionId]:
        """Look again: return the partitions that exist now, all of them or those of the group that are ours."""
        return self._ours(self.topics.partitions())

    def low_and_high(self, place: PartitionId) -> tuple[int, int] | None:
        """Ask for the oldest offset of a partition and the one after its newest; None if nobody answers."""
        try:
            return self._consumer.get_watermark_offsets(_position(place), timeout=self.topics.timeout_seconds)
        except KafkaException:
            return None

    def high_watermarks(self) -> dict[PartitionId, int]:
        """Return the offset after the newest message of each partition, as told with its latest fetch, if any.

        Like everything here it is for the thread that polls: any other would wait for its turn beside `poll` for long.
        """
        told = {place: self._consumer.get_watermark_offsets(_position(place), cached=True) for place in self.partitions}
        return {place: ends[1] for place, ends in told.items() if ends is not None and ends[1] >= 0}

    def note_progress(self, next_offsets: Mapping[PartitionId, int]) -> None:
        """Tell the group how far the lake is: for lag tools only, so nobody waits for it and a failure is no harm."""
        ours = {place: offset for place, offset in next_offsets.items() if _key(place) in self._places}
        if ours:
            self._consumer.commit(offsets=_positions(ours), asynchronous=True)

    def close(self) -> None:
        """Leave. Progress is in the lake, so a Kafka that does not answer any more is not waited for."""
        self._member = None
        leaving = Thread(target=self._consumer.close, name="leave Kafka", daemon=True)
        leaving.start()
        leaving.join(_LEAVE_SECONDS)

    def _ours(self, existing: Sequence[PartitionId]) -> list[PartitionId]:
        return [place for place in existing if self._member is None or _key(place) in self._owned]

    def _existing(self) -> list[PartitionId]:
        found = self.topics.partitions()
        if not found:
            raise KafkaFailure(
                f"Kafka at {self.settings.bootstrap_servers} has none of the topics "
                f"{', '.join(self.settings.topics)}; set OMNINODE_ENV if yours begin with another name"
            )
        return found

    def _on_given(self, consumer: Consumer, given: list[TopicPartition]) -> None:
        wanted = {(one.topic, one.partition) for one in given}
        if not wanted or self._member is None:
            return
        offsets: Offsets = {}
        try:
            places = [place for place in self._existing() if _key(place) in wanted]
            offsets = self._member.given(places)
        except KafkaFailure as error:
            log.warning("%s; not reading what the group has given us until it answers", error)
        except Exception as error:  # noqa: BLE001 - librdkafka calls us; `poll` raises it
            self._failure = error
        # What is ours and not read yet makes `has_changed` true. Without a word from us librdkafka would read on from
        # the group's offsets.
        consumer.incremental_assign(_positions(offsets))
        self._places |= _by_key(offsets)
        self._owned |= wanted

    def _on_taken(self, taken: list[TopicPartition], *, is_lost: bool) -> None:
        keys = {(one.topic, one.partition) for one in taken}
        places = [self._places[key] for key in sorted(keys & self._places.keys())]
        self._was_taken = True
        try:
            if self._member is not None and places:
                self._member.taken(places, is_lost=is_lost)
        except Exception as error:  # noqa: BLE001 - as above
            self._failure = error
        self._owned -= keys
        for key in keys:
            self._places.pop(key, None)
            self._ended.discard(key)
            self._not_there.discard(key)

    def _note(self, message: Message) -> None:
        error = message.error()
        key = (message.topic() or "", message.partition() or 0)
        if error is None:
            return
        if error.code() == KafkaError._PARTITION_EOF:
            if key in self._places:
                self._ended.add(key)
        elif error.code() in _PASSING or (
            self.is_patient and error.code() not in _NOT_THERE | _GONE and not error.fatal()
        ):
            self._silence.note(error)
        elif error.code() in _NOT_THERE:
            self._not_there.add(key)
        elif error.code() not in _GONE:
            raise KafkaFailure(f"Kafka at {self.settings.bootstrap_servers}: {error.str()}")


def _key(place: PartitionId) -> _Key:
    return place.topic, place.partition


def _by_key(places: "Mapping[PartitionId, object] | Sequence[PartitionId]") -> dict[_Key, PartitionId]:
    return {_key(place): place for place in places}


def _position(place: PartitionId, offset: int | None = None) -> TopicPartition:
    return TopicPartition(place.topic, place.partition, OFFSET_BEGINNING if offset is None else offset)


def _positions(offsets: Offsets) -> list[TopicPartition]:
    return [_position(place, offset) for place, offset in offsets.items()]


@contextmanager
def _collector_paused() -> Iterator[None]:
    """Thousands of messages at once make the garbage collector look through them again and again, all of them alive.

    That takes as long as fetching them.
    """
    was_on = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if was_on:
            gc.enable()


def columns_of(messages: list[Message]) -> Messages:
    """Take apart a list of messages."""
    # `map` over the methods themselves: a comprehension would take half as long again for each of them.
    times = map(Message.timestamp, messages)
    return Messages(
        topics=list(map(_TOPIC, messages)),
        partitions=list(map(_PARTITION, messages)),
        offsets=list(map(_OFFSET, messages)),
        timestamps_ms=[None if kind == TIMESTAMP_NOT_AVAILABLE else time for kind, time in times],
        values=list(map(_VALUE, messages)),
        keys=list(map(Message.key, messages)),
        headers=list(map(_HEADERS, messages)),
    )
