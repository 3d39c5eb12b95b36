"""The registry on a real broker."""

import asyncio
import json
from pathlib import Path
from typing import Any
from uuid import uuid4

import pytest
from confluent_kafka import Consumer, Producer, TopicPartition

from ingest import announcer
from ingest.kafka import KafkaSettings
from ingest.registry_topics import RegistryTopic, registry_topic, registry_topics
from omninode.errors import BadInput
from omninode.settings import Settings
from registry import NodeRegistryService
from registry.checks import checked_node
from registry.keeper import Keeper
from registry.outcomes import registration
from registry.postgres_backend import spool_of
from sql.connection import Connection
from sql.connections import Connections
from sql.node_rows import HealthReport
from tests.registry.nodes import eventually, node


def _settings(kafka: KafkaSettings, home: Path) -> Settings:
    return Settings(home=home, environment=kafka.environment, kafka_bootstrap_servers=kafka.bootstrap_servers)


async def test_changes_are_published_and_announcements_registered(kafka: KafkaSettings, tmp_path: Path) -> None:
    """Each change once, in the order of its node; nodes that say what they are become registered."""
    async with NodeRegistryService(enable_kafka=True, settings=_settings(kafka, tmp_path)) as registry:
        await registry.register_nodes([node("n-1"), node("n-2"), node("bad", version="x")])
        await registry.register_node(node("n-1"))
        await registry.heartbeat("n-1")
        await registry.heartbeat("n-1")
        await registry.register_node(node("n-1", version="2.0.0"))
        await registry.deregister_node("n-1")
        request_id = await registry.request_introspection()

        async def are_published() -> bool:
            return bool((await registry.get_metrics())["published_events"] == 6)

        await eventually(are_published)
        events = await asyncio.to_thread(_read, kafka, 6)
        of_node = sorted((event for event in events if event.get("node_id") == "n-1"), key=lambda one: one["revision"])
        assert [(event["event_type"], event["change"]) for event in of_node] == [
            ("NODE_REGISTERED", "registered"),
            ("NODE_HEALTH_CHANGED", "health"),
            ("NODE_REGISTERED", "updated"),
            ("NODE_DEREGISTERED", "deregistered"),
        ]
        assert (of_node[2]["node"]["version"], of_node[2]["node"]["health_status"]) == ("2.0.0", "healthy")
        assert len({event["event_id"] for event in events}) == 6
        (asked,) = (event for event in events if event["event_type"] == "NODE_INTROSPECTION_REQUESTED")
        assert (asked["request_id"], asked["node_id"]) == (str(request_id), None)

        async with registry.following_introspections():
            _say(kafka, b"{}", b"no JSON", json.dumps(node("said")).encode())
            _say(kafka, json.dumps({"event_type": "NODE_INTROSPECTION", "node": node("in-event")}).encode())

            async def are_registered() -> bool:
                found = {row["node_id"] for row in await registry.get_all_nodes()}
                return found == {"n-2", "said", "in-event"}

            await eventually(are_registered)


async def test_what_happens_in_postgres_is_published(
    kafka: KafkaSettings, database_url: str, database: Connection, tmp_path: Path
) -> None:
    """What was spooled, once it is in; what silence does, and its end; what others say of a health in Consul."""
    told = Settings(
        home=tmp_path,
        environment=kafka.environment,
        kafka_bootstrap_servers=kafka.bootstrap_servers,
        postgres_url=database_url,
    )
    spool = spool_of(told)
    spool.add([registration(checked_node(node("spooled"))), HealthReport("spooled", "healthy")])
    connections = Connections(database_url)
    async with NodeRegistryService(enable_postgres=True, enable_kafka=True, settings=told) as registry:
        await registry.register_node(node("n-1"))
        assert spool.is_empty()
        await registry.heartbeat("n-1")
        keepers = [Keeper(connections, None, on_aged=registry.tell_aged) for _ in range(2)]
        for seconds in (0, 91, 181):
            database.execute(
                "UPDATE registered_nodes SET registration_timestamp = 'epoch', "
                "last_heartbeat = last_heartbeat - %s * INTERVAL '1 second' WHERE node_id = 'n-1'",
                (seconds,),
            )
            for keeper in keepers:
                keeper.tick()
        await registry.heartbeat("n-1")
        keepers[0].tick()
        registry.bring_back([HealthReport("n-1", "unhealthy", is_heartbeat=False)])
        events = await asyncio.to_thread(_read, kafka, 10)
    connections.close()
    kinds = sorted((event["node_id"], event["event_type"]) for event in events)
    changed, made = "NODE_HEALTH_CHANGED", "NODE_REGISTERED"
    assert kinds == [("n-1", changed)] * 7 + [("n-1", made), ("spooled", changed), ("spooled", made)]
    healths = [one for one in events if (one["node_id"], one["event_type"]) == ("n-1", changed)]
    # Both keepers tell the same, under the same id.
    assert list(dict.fromkeys((one["event_id"], one["node"]["health_status"]) for one in healths)) == [
        (healths[place]["event_id"], health)
        for place, health in ((0, "healthy"), (1, "degraded"), (3, "unhealthy"), (5, "healthy"), (6, "unhealthy"))
    ]
    assert len({one["revision"] for one in healths}) == 2


def _read(kafka: KafkaSettings, count: int) -> list[dict[str, Any]]:
    consumer = Consumer(kafka.client(group_id=str(uuid4()), auto_offset_reset="earliest"))
    ours = [name for name in registry_topics(kafka.environment) if "introspection.v1" not in name]
    consumer.assign([TopicPartition(name, partition, 0) for name in ours for partition in range(4)])
    values: list[bytes] = []
    for _ in range(60):
        values += [message.value() or b"" for message in consumer.consume(100, 0.5) if message.error() is None]
        if len(values) >= count:
            break
    consumer.close()
    return [json.loads(value) for value in values]


def _say(kafka: KafkaSettings, *values: bytes) -> None:
    producer = Producer(kafka.client())
    for value in values:
        producer.produce(registry_topic(RegistryTopic.INTROSPECTION, kafka.environment), value)
    assert producer.flush(30) == 0


async def test_a_kafka_that_is_away_stops_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    """Registrations succeed; what waited when the registry was closed is counted as lost."""
    monkeypatch.setattr(announcer, "_CLOSE_SECONDS", 0.1)
    monkeypatch.setattr(announcer, "_ASK_SECONDS", 0.5)
    settings = Settings(home=tmp_path, kafka_bootstrap_servers="127.0.0.1:1")
    registry = NodeRegistryService(enable_kafka=True, settings=settings)
    assert (await registry.register_node(node())).success
    assert (await registry.get_metrics())["published_events"] == 0
    await registry.close()
    assert "1 messages of the registry did not reach Kafka" in caplog.text
    async with NodeRegistryService() as without:
        with pytest.raises(BadInput, match="enable_kafka=True"):
            await without.request_introspection()
