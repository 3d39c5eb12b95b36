"""Read the topics from where the lake ends."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from time import monotonic

from confluent_kafka import (
    TIMESTAMP_NOT_AVAILABLE,
    Consumer,
    KafkaError,
    KafkaException,
    Message,
    TopicPartition,
)

from ingest.errors import KafkaFailure, OffsetsGone
from ingest.kafka import KafkaSettings, unreachable
from ingest.lake import PartitionId
from ingest.messages import Header, Messages

_AT_ONCE = 10_000
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

    def __post_init__(self) -> None:
        self._consumer = self.settings.made(
            Consumer,
            group_id=self.group,
            enable_auto_commit=False,
            enable_partition_eof=True,
            # An offset that Kafka does not have any more is an error to show, not a reason to skip.
            auto_offset_reset="error",
            isolation_level="read_committed",
            queued_max_messages_kbytes=65_536,
            fetch_wait_max_ms=50,
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
        received = self._consumer.consume(_AT_ONCE, timeout_seconds)
        good = [message for message in received if message.error() is None]
        if len(good) < len(received):
            for message in received:
                self._note(message)
        if good:
            self._silent_since = None
        return good

    def note_progress(self, next_offsets: Mapping[PartitionId, int]) -> None:
        """Tell the group how far the lake is: for lag tools only, so nobody waits for it and a failure is no harm."""
        places = [TopicPartition(place.topic, place.partition, offset) for place, offset in next_offsets.items()]
        self._consumer.commit(offsets=places, asynchronous=True)

    def close(self) -> None:
        """Leave. Progress is in the lake."""
        self._consumer.close()

    def _find_partitions(self) -> list[PartitionId]:
        try:
            cluster = self._consumer.list_topics(timeout=min(self.timeout_seconds, 10.0))
        except KafkaException as error:
            raise unreachable(self.settings, error.args[0].str()) from error
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
        now = monotonic()
        self._silent_since = self._silent_since or now
        if now - self._silent_since > self.timeout_seconds:
            raise unreachable(self.settings, error.str())


def columns_of(messages: list[Message]) -> Messages:
    """Take apart a list of messages."""

    def key_and_headers(index: int) -> tuple[bytes | None, Sequence[Header]]:
        message = messages[index]
        headers: Sequence[tuple[str, str | bytes | None]] = message.headers() or []  # type: ignore[assignment]
        return _bytes(message.key()), [(name, _bytes(value)) for name, value in headers]

    times = [message.timestamp() for message in messages]
    return Messages(
        topics=[message.topic() or "" for message in messages],
        partitions=[message.partition() or 0 for message in messages],
        offsets=[message.offset() or 0 for message in messages],
        timestamps_ms=[None if kind == TIMESTAMP_NOT_AVAILABLE else time for kind, time in times],
        values=[message.value() for message in messages],
        key_and_headers=key_and_headers,
    )


def _bytes(value: str | bytes | None) -> bytes | None:
    return value.encode() if isinstance(value, str) else value
