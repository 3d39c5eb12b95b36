"""How to reach Kafka, and the topics that must be there."""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from typing import TypeVar

from confluent_kafka import KafkaError, KafkaException
from confluent_kafka.admin import AdminClient
from confluent_kafka.cimpl import NewTopic

from ingest.errors import KafkaFailure
from ingest.kinds import EventKind, topics_of
from omninode.errors import BadInput

ClientValue = str | int | float | bool
Client = TypeVar("Client")


@dataclass(frozen=True, slots=True)
class KafkaSettings:
    """Where Kafka is and how to talk to it.

    `options` are librdkafka's own (`security.protocol`, `sasl.password`, ...); they may be secret and are not shown.
    """

    bootstrap_servers: str
    environment: str = "dev"
    options: Mapping[str, str] = field(default_factory=dict, repr=False)

    @property
    def topics(self) -> dict[str, EventKind]:
        """The four topics of this environment and the kind of event that each carries."""
        return topics_of(self.environment)

    def made(self, make: Callable[[dict[str, ClientValue]], Client], **more: ClientValue) -> Client:
        """Make a client. Raises `BadInput` for an option that librdkafka does not know or cannot use."""
        try:
            return make(self.client(**more))
        except KafkaException as error:
            raise BadInput(
                f"Kafka: {error.args[0].str()}; correct the OMNINODE_KAFKA_... of that name, dots as underscores"
            ) from None

    def client(self, **more: ClientValue) -> dict[str, ClientValue]:
        """Return a librdkafka configuration; `more` uses underscores for dots."""
        named = {name.replace("_", "."): value for name, value in more.items()}
        # librdkafka writes connection losses to stderr by itself; we report them where they matter.
        quiet: dict[str, ClientValue] = {"log_level": 0, "socket.keepalive.enable": True}
        return {**quiet, **named, **self.options, "bootstrap.servers": self.bootstrap_servers}


def unreachable(settings: KafkaSettings, error: object) -> KafkaFailure:
    """Make the error for a cluster that does not answer."""
    return KafkaFailure(
        f"Kafka at {settings.bootstrap_servers} does not answer ({error}); "
        "start it, or set OMNINODE_KAFKA_BOOTSTRAP_SERVERS to where it is"
    )


def ensure_topics(
    settings: KafkaSettings, *, partitions: int = 4, replication: int = -1, timeout_seconds: float = 10.0
) -> None:
    """Create those of the four topics that are not there. Existing topics stay as they are."""
    admin = settings.made(AdminClient)
    missing = set(settings.topics) - _existing_topics(admin, settings, timeout_seconds)
    if missing:
        _create(admin, settings, missing, partitions, replication, timeout_seconds)


def _existing_topics(admin: AdminClient, settings: KafkaSettings, timeout_seconds: float) -> set[str]:
    try:
        return set(admin.list_topics(timeout=timeout_seconds).topics)
    except KafkaException as error:
        raise unreachable(settings, error.args[0].str()) from error


def _create(
    admin: AdminClient,
    settings: KafkaSettings,
    names: Iterable[str],
    partitions: int,
    replication: int,
    timeout_seconds: float,
) -> None:
    wanted = [NewTopic(name, num_partitions=partitions, replication_factor=replication) for name in sorted(names)]
    for name, created in admin.create_topics(wanted, operation_timeout=timeout_seconds).items():
        try:
            created.result(timeout=timeout_seconds)
        except KafkaException as error:
            if error.args[0].code() != KafkaError.TOPIC_ALREADY_EXISTS:
                reason = error.args[0].str()
                raise KafkaFailure(
                    f"Kafka at {settings.bootstrap_servers} did not create the topic {name} ({reason}); "
                    "create it, or give this user the right to"
                ) from error
