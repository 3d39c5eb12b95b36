"""Which topics there are now, with their identities: one that was deleted and made anew is another topic."""

from collections.abc import Iterable
from concurrent.futures import TimeoutError as FutureTimeoutError
from dataclasses import dataclass, field

from confluent_kafka import KafkaError, KafkaException, TopicCollection
from confluent_kafka.admin import AdminClient

from ingest.kafka import KafkaSettings, ask_for_topics, unreachable
from ingest.partition_id import PartitionId

#: What a broker without topic identities says.
_NO_ID = "AAAAAAAAAAAAAAAAAAAAAA"
_CHECK_SECONDS = 2.0


@dataclass(slots=True)
class Topics:
    """Asks a cluster about the four topics. May be asked from any thread."""

    settings: KafkaSettings
    timeout_seconds: float = 10.0
    _admin: AdminClient = field(init=False)
    _told: list[KafkaError] = field(init=False, default_factory=list)

    def __post_init__(self) -> None:
        self._admin = self.settings.made(
            lambda options: AdminClient({**options, "error_cb": self._told.append})  # type: ignore[dict-item]
        )

    def partitions(self) -> list[PartitionId]:
        """Return all partitions of those topics that exist. Raises `KafkaFailure` if the cluster does not answer."""
        self._told.clear()
        cluster = ask_for_topics(self._admin, self.settings, self._told, timeout_seconds=self.timeout_seconds)
        found = [name for name in self.settings.topics if name in cluster.topics]
        ids = self._ids(found, self.timeout_seconds)
        # Who says nothing of a topic says neither that it is gone nor that it is another one.
        unknown = [name for name in found if name not in ids or cluster.topics[name].error]
        if unknown:
            raise unreachable(self.settings, cluster.topics[unknown[0]].error or f"no answer about {unknown[0]}")
        return [
            PartitionId(str(cluster.cluster_id), name, partition, ids[name] or "")
            for name in found
            if ids[name] is not None
            for partition in sorted(cluster.topics[name].partitions)
        ]

    def replaced(self, places: Iterable[PartitionId]) -> set[str]:
        """Return the topics of these partitions that are gone or made anew. Who does not answer has replaced none."""
        known = {place.topic: place.topic_id for place in places if place.topic_id}
        ids = self._ids(known, _CHECK_SECONDS)
        return {topic for topic, topic_id in known.items() if topic in ids and ids[topic] != topic_id}

    def _ids(self, names: Iterable[str], timeout_seconds: float) -> dict[str, str | None]:
        """Return the identity of each topic: None if it is not there; left out is one that nobody tells."""
        wanted = list(names)
        if not wanted:
            return {}
        ids: dict[str, str | None] = {}
        asked = self._admin.describe_topics(TopicCollection(wanted), request_timeout=timeout_seconds)
        for name, description in asked.items():
            try:
                told = str(description.result(timeout_seconds + 1).topic_id)
                ids[name] = "" if told in (_NO_ID, "None") else told
            except KafkaException as error:
                if error.args[0].code() == KafkaError.UNKNOWN_TOPIC_OR_PART:
                    ids[name] = None
            except FutureTimeoutError:
                continue
        return ids
