"""How to reach Kafka, and the topics that must be there."""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, TypeVar

from confluent_kafka import Consumer, KafkaError, KafkaException
from confluent_kafka.admin import AdminClient
from confluent_kafka.cimpl import NewTopic

from ingest.errors import KafkaFailure
from ingest.kinds import EventKind, topics_of
from omninode.errors import BadInput

if TYPE_CHECKING:
    from confluent_kafka.admin._metadata import ClusterMetadata  # the public name is not exported to type checkers

ClientValue = str | int | float | bool
Client = TypeVar("Client")

#: What time does not heal, and what to do about it.
_REFUSALS = {
    KafkaError._AUTHENTICATION: (
        "refused the user or the password",
        "correct OMNINODE_KAFKA_SASL_USERNAME and OMNINODE_KAFKA_SASL_PASSWORD",
    ),
    KafkaError._SSL: (
        "and we do not agree on TLS",
        "set OMNINODE_KAFKA_SSL_CA_LOCATION to the authority that signed its certificate",
    ),
}
_ASK_SECONDS = 1.0


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

    @property
    def group(self) -> str:
        """The consumer group of those who ingest these topics."""
        return f"{self.environment}.omninode-ingest"

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
        quiet: dict[str, ClientValue] = {
            "log_level": 0,
            "socket.keepalive.enable": True,
            # A broker that comes back is found within a second, not within librdkafka's ten.
            "reconnect.backoff.max.ms": 1000,
        }
        return {**quiet, **named, **self.options, "bootstrap.servers": self.bootstrap_servers}


def unreachable(settings: KafkaSettings, error: object) -> KafkaFailure:
    """Make the error for a cluster that does not answer."""
    return KafkaFailure(
        f"Kafka at {settings.bootstrap_servers} does not answer ({error}); "
        "start it, or set OMNINODE_KAFKA_BOOTSTRAP_SERVERS to where it is, "
        "and OMNINODE_KAFKA_SECURITY_PROTOCOL if it wants TLS or a password"
    )


def failure(settings: KafkaSettings, error: KafkaError, told: Iterable[KafkaError]) -> KafkaFailure:
    """Make the error for a question without an answer; `told` is what librdkafka has said of connections meanwhile."""
    causes = {cause.code(): cause for cause in told if cause.code() != KafkaError._ALL_BROKERS_DOWN}
    for code, (what, remedy) in _REFUSALS.items():
        if code in causes:
            reason = " ".join(causes[code].str().split())
            return KafkaFailure(f"Kafka at {settings.bootstrap_servers} {what} ({reason}); {remedy}")
    last = list(causes.values())[-1:] or [error]
    return unreachable(settings, " ".join(last[0].str().split()))


def ask_for_topics(
    client: AdminClient | Consumer, settings: KafkaSettings, told: Iterable[KafkaError], *, timeout_seconds: float
) -> "ClusterMetadata":
    """Return what topics there are. `told` is filled by the client's `error_cb`; the client reads nothing yet.

    Raises `KafkaFailure`: at once if we are refused, after `timeout_seconds` if nobody answers.
    """
    # A refusal comes soon, but does not end the question: so ask shortly, then for as long as a slow cluster may need.
    first = min(_ASK_SECONDS, timeout_seconds)
    try:
        return client.list_topics(timeout=first)
    except KafkaException as error:
        client.poll(0)  # this is when `error_cb` is called
        if first == timeout_seconds or any(cause.code() in _REFUSALS for cause in told):
            raise failure(settings, error.args[0], told) from error
    try:
        return client.list_topics(timeout=timeout_seconds - first)
    except KafkaException as error:
        client.poll(0)
        raise failure(settings, error.args[0], told) from error


def ensure_topics(
    settings: KafkaSettings,
    *,
    names: Iterable[str] | None = None,
    partitions: int = 4,
    replication: int = -1,
    timeout_seconds: float = 10.0,
) -> None:
    """Create those of the four topics, or of `names`, that are not there. Existing topics stay as they are."""
    told: list[KafkaError] = []
    admin = settings.made(
        lambda options: AdminClient({**options, "error_cb": told.append})  # type: ignore[dict-item]  # as for consumers
    )
    wanted = set(settings.topics if names is None else names)
    missing = wanted - set(ask_for_topics(admin, settings, told, timeout_seconds=timeout_seconds).topics)
    if missing:
        _create(admin, settings, missing, partitions, replication, timeout_seconds)


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
