"""A cluster of Apache Kafka in KRaft mode, each node a broker and a controller, on free loopback ports."""

import socket
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from time import monotonic, sleep

from confluent_kafka import KafkaException
from confluent_kafka.admin import AdminClient

from ingest.kafka import KafkaSettings
from omninode.process import free_ports
from tests.apache_kafka.node import Node, NodeFailed

_START_SECONDS = 60.0
_CLUSTER_ID = "4L6g3nShT-eMCtK--X86sw"
_PROPERTIES: dict[str, str | int] = {
    "process.roles": "broker,controller",
    "controller.listener.names": "CONTROLLER",
    "auto.create.topics.enable": "false",
    # Larger than an event may be: what is too large is for ingest to refuse.
    "message.max.bytes": 16 * 1024 * 1024,
    "replica.fetch.max.bytes": 16 * 1024 * 1024,
    "offsets.topic.num.partitions": 1,
    "transaction.state.log.num.partitions": 1,
    "group.initial.rebalance.delay.ms": 0,
    # A dead node is missed after 2 seconds instead of 9.
    "broker.session.timeout.ms": 2_000,
    "broker.heartbeat.interval.ms": 400,
    "controller.quorum.election.timeout.ms": 500,
    "controller.quorum.fetch.timeout.ms": 1_000,
    "controlled.shutdown.enable": "true",
    "num.network.threads": 2,
    "num.io.threads": 2,
    "background.threads": 2,
}


@dataclass(frozen=True, slots=True)
class ListenerSecurity:
    """How clients must come: Kafka's own settings for it, and librdkafka's for a client that may."""

    protocol: str = "PLAINTEXT"
    properties: Mapping[str, str] = field(default_factory=dict)
    #: More words for `kafka-storage format`, such as users.
    format_options: Sequence[str] = ()
    client_options: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Cluster:
    """A cluster that runs."""

    nodes: Sequence[Node]
    bootstrap_servers: str
    security: ListenerSecurity

    def settings(self, environment: str) -> KafkaSettings:
        """Return how to reach it, with topics of this environment."""
        # The usual 10 seconds between two tries to reach a broker would be most of a test's time.
        options = {"reconnect.backoff.max.ms": "1000", **self.security.client_options}
        return KafkaSettings(self.bootstrap_servers, environment, options)

    def start(self) -> None:
        """Start all nodes, and return when all brokers answer."""
        for node in self.nodes:
            node.start()
        self.wait(len(self.nodes))

    def wait(self, brokers: int) -> None:
        """Wait until so many brokers are there. Raises `NodeFailed`."""
        deadline = monotonic() + _START_SECONDS
        # A client that meets a closed port waits ever longer before its next try: so knock first.
        while not all(map(_answers, self.bootstrap_servers.split(","))):
            self._check(deadline)
            sleep(0.05)
        admin = AdminClient(self.settings("").client())
        while _brokers(admin) < brokers:
            self._check(deadline)
            sleep(0.05)

    def _check(self, deadline: float) -> None:
        for node in self.nodes:
            node.check()
        if monotonic() > deadline:
            raise NodeFailed("no answer:\n" + "\n".join(node.last_words() for node in self.nodes))


@contextmanager
def apache_kafka(
    folder: Path, jars: str, *, nodes: int = 1, security: ListenerSecurity | None = None
) -> Iterator[Cluster]:
    """Run a cluster of so many nodes, its topics kept on up to three of them, until the end of the block."""
    security = security or ListenerSecurity()
    ports = free_ports(2 * nodes)
    clients, controllers = ports[:nodes], ports[nodes:]
    voters = ",".join(f"{number}@127.0.0.1:{port}" for number, port in enumerate(controllers, start=1))
    shared = _PROPERTIES | _copies(nodes) | _listeners(security) | {"controller.quorum.voters": voters}
    made = [
        Node(folder / f"node-{number}", jars, shared | _places(number, client, controller))
        for number, (client, controller) in enumerate(zip(clients, controllers, strict=True), start=1)
    ]
    cluster = Cluster(made, ",".join(f"127.0.0.1:{port}" for port in clients), security)
    try:
        _format(made, security.format_options)
        cluster.start()
        yield cluster
    finally:
        for node in made:
            # What it holds is not wanted any more.
            node.kill()


def _format(nodes: Sequence[Node], options: Sequence[str]) -> None:
    for node, child in [(node, node.format(_CLUSTER_ID, options)) for node in nodes]:
        if child.wait(_START_SECONDS) != 0:
            raise NodeFailed(f"{node.folder.name} cannot be formatted:\n{node.last_words()}")


def _copies(nodes: int) -> dict[str, str | int]:
    """On how many nodes everything is kept, and how many of them must have it before it is acknowledged."""
    copies, least = min(nodes, 3), max(1, min(nodes, 3) - 1)
    return {
        "default.replication.factor": copies,
        "min.insync.replicas": least,
        "offsets.topic.replication.factor": copies,
        "transaction.state.log.replication.factor": copies,
        "transaction.state.log.min.isr": least,
    }


def _listeners(security: ListenerSecurity) -> dict[str, str | int]:
    kinds = {"CLIENT": security.protocol, "CONTROLLER": "PLAINTEXT"}
    return {
        "listener.security.protocol.map": ",".join(f"{name}:{protocol}" for name, protocol in kinds.items()),
        "inter.broker.listener.name": "CLIENT",
        **security.properties,
    }


def _places(number: int, client: int, controller: int) -> dict[str, str | int]:
    listeners = f"CLIENT://127.0.0.1:{client},CONTROLLER://127.0.0.1:{controller}"
    return {"node.id": number, "listeners": listeners}


def _answers(address: str) -> bool:
    host, _, port = address.partition(":")
    with socket.socket() as probe:
        return probe.connect_ex((host, int(port))) == 0


def _brokers(admin: AdminClient) -> int:
    try:
        return len(admin.list_topics(timeout=2).brokers)
    except KafkaException:
        return 0
