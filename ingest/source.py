"""Read the topics from where the lake ends."""

import gc
from collections import deque
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from threading import Thread
from time import monotonic
from typing import cast

from confluent_kafka import (
    TIMESTAMP_NOT_AVAILABLE,
    Consumer,
    KafkaError,
    KafkaException,
    Message,
    TopicPartition,
)

from ingest.errors import KafkaFailure, OffsetsGone
from ingest.kafka import KafkaSettings, ask_for_topics, failure
from ingest.lake import PartitionId
from ingest.messages import Header, Messages

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
_PASSING = {KafkaError._TRANSPORT, KafkaError._ALL_BROKERS_DOWN, KafkaError._TIMED_OUT, KafkaError._RESOLVE}


@dataclass(slots=True)
class KafkaSource:
    """A consumer of all partitions of the four topics, placed by us and never by the group's committed offsets."""

    settings: KafkaSettings
    #: How long Kafka may be silent before we say so.
    timeout_seconds: float = 30.0
    group: str = "omninode-ingest"
    _consumer: Consumer = field(init=False)
    _partitions: list[PartitionId] = field(init=False)
    _ended: set[tuple[str, int]] = field(init=False, default_factory=set)
    _silent_since: float | None = field(init=False, default=None)
    #: What librdkafka has told of connections since the last message came.
    _told: "deque[KafkaError]" = field(init=False, default_factory=lambda: deque(maxlen=20))

    def __post_init__(self) -> None:
        self._consumer = self.settings.made(
            lambda options: Consumer({**options, "error_cb": self._note_silence}),
            group_id=self.group,
            enable_auto_commit=False,
            enable_partition_eof=True,
            # An offset that Kafka does not have any more is an error to show, not a reason to skip.
            auto_offset_reset="error",
            isolation_level="read_committed",
            queued_max_messages_kbytes=65_536,
            fetch_wait_max_ms=50,
            # While a commit holds us up the queue fills; its refilling must not wait for the usual second after that.
            fetch_queue_backoff_ms=10,
        )
        try:
            self._partitions = self._find_partitions()
        except BaseException:
            self._consumer.close()
            raise

    @property
    def partitions(self) -> Sequence[PartitionId]:
        """All partitions of the four topics."""
        return self._partitions

    @property
    def at_end(self) -> bool:
        """Whether the end of every partition has been seen since `start`."""
        return len(self._ended) == len(self._partitions)

    def start(self, next_offsets: Mapping[PartitionId, int | None]) -> None:
        """Read on from these offsets; None is the oldest message there is."""
        beginning = -2  # librdkafka's OFFSET_BEGINNING
        places = [
            TopicPartition(partition.topic, partition.partition, beginning if offset is None else offset)
            for partition, offset in next_offsets.items()
        ]
        self._ended.clear()
        self._consumer.assign(places)

    def poll(self, timeout_seconds: float) -> list[Message]:
        """Return what has come within this time, 10,000 messages at most. Raises `OffsetsGone` and `KafkaFailure`."""
        with _collector_paused():
            received = self._consumer.consume(_AT_ONCE, timeout_seconds)
        good = [message for message in received if message.error() is None]
        if len(good) < len(received):
            for message in received:
                self._note(message)
        if good:
            self._silent_since = None
            self._told.clear()
        self._check_silence()
        return good

    def note_progress(self, next_offsets: Mapping[PartitionId, int]) -> None:
        """Tell the group how far the lake is: for lag tools only, so nobody waits for it and a failure is no harm."""
        places = [TopicPartition(place.topic, place.partition, offset) for place, offset in next_offsets.items()]
        self._consumer.commit(offsets=places, asynchronous=True)

    def close(self) -> None:
        """Leave. Progress is in the lake, so a Kafka that does not answer any more is not waited for."""
        leaving = Thread(target=self._consumer.close, name="leave Kafka", daemon=True)
        leaving.start()
        leaving.join(_LEAVE_SECONDS)

    def _find_partitions(self) -> list[PartitionId]:
        timeout_seconds = min(self.timeout_seconds, 10.0)
        cluster = ask_for_topics(self._consumer, self.settings, self._told, timeout_seconds=timeout_seconds)
        found = [
            PartitionId(str(cluster.cluster_id), topic, partition)
            for topic in self.settings.topics
            if topic in cluster.topics
            for partition in sorted(cluster.topics[topic].partitions)
        ]
        if not found:
            raise KafkaFailure(
                f"Kafka at {self.settings.bootstrap_servers} has none of the topics "
                f"{', '.join(self.settings.topics)}; set OMNINODE_ENV if yours begin with another name"
            )
        return found

    def _note(self, message: Message) -> None:
        error = message.error()
        place = (message.topic() or "", message.partition() or 0)
        if error is None:
            return
        if error.code() == KafkaError._PARTITION_EOF:
            self._ended.add(place)
        elif error.code() in _PASSING:
            self._note_silence(error)
        elif error.code() in (KafkaError._AUTO_OFFSET_RESET, KafkaError.OFFSET_OUT_OF_RANGE):
            raise OffsetsGone(
                f"Kafka no longer has offset {message.offset()} of {place[0]} partition {place[1]} ({error.str()}); "
                "the lake cannot go on without a gap"
            )
        else:
            raise KafkaFailure(f"Kafka at {self.settings.bootstrap_servers}: {error.str()}")

    def _note_silence(self, error: KafkaError) -> None:
        """Remember since when; librdkafka tells of a lost connection once, and of a healed one never."""
        self._told.append(error)
        self._silent_since = self._silent_since or monotonic()

    def _check_silence(self) -> None:
        if self._silent_since is None or monotonic() - self._silent_since < self.timeout_seconds:
            return
        # Nothing has come since a connection was lost: either it is still lost, or there is nothing new. So ask.
        try:
            self._consumer.list_topics(timeout=min(self.timeout_seconds, 10.0))
        except KafkaException as error:
            raise failure(self.settings, error.args[0], self._told) from error
        self._silent_since = None


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
