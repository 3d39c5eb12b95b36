"""The parts of the soak: each on a broker and a lake of its own, and how long or how often."""

import asyncio
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from random import Random

from ingest.broker import embedded_broker
from ingest.kafka import KafkaSettings, ensure_topics
from sql.connection import connect
from sql.embedded import embedded_postgres
from sql.migrate import migrate
from tests.apache_kafka.cluster import Cluster, apache_kafka
from tests.apache_kafka.jars import apache_kafka_jars
from tests.consul import an_agent
from tests.lifecycle_sound import assert_sound
from tests.lifecycle_writers import Storm, rage
from tests.registry.forgotten import all_are_back_in_one_pass
from tests.soak.broker_away import broker_killed, broker_unreachable
from tests.soak.flat_memory import stays_flat
from tests.soak.fuzz import decoder_agrees
from tests.soak.groups import QUICK_GROUP, members_come_and_go
from tests.soak.kills import killed_at_every_moment
from tests.soak.lake_full import full, read_only, small_disk
from tests.soak.rig import Rig, rig
from tests.soak.stale_readers import readers_in_each_others_way
from tests.soak.verdict import nothing_lost_nothing_doubled

Say = Callable[[str], object]
_ENVIRONMENT = "soak"


@dataclass(frozen=True, slots=True)
class Part:
    """One part: `run` gets an empty folder, its own randomness and where to tell how it goes, and returns a verdict.

    What went wrong is an `AssertionError`.
    """

    name: str
    run: Callable[[Path, Random, Say], str]


@contextmanager
def _tansu(folder: Path) -> Iterator[KafkaSettings]:
    with embedded_broker(folder / "broker") as address:
        settings = KafkaSettings(address, _ENVIRONMENT)
        ensure_topics(settings)
        yield settings


@contextmanager
def _apache(folder: Path) -> Iterator[tuple[Cluster, KafkaSettings]]:
    with apache_kafka(folder / "kafka", apache_kafka_jars()) as cluster:
        settings = cluster.settings(_ENVIRONMENT)
        ensure_topics(settings)
        yield cluster, settings


def _checked(it: Rig, did: str) -> str:
    return f"{nothing_lost_nothing_doubled(it.published, it.lake)}; {did}"


def _kills(folder: Path, rng: Random, say: Say) -> str:
    with _tansu(folder) as kafka, rig(kafka, folder, say=say) as it:
        return _checked(it, killed_at_every_moment(it, rng, kills=110))


def _group(folder: Path, rng: Random, say: Say, *, most: int) -> str:
    with _apache(folder) as (_, kafka), rig(kafka, folder, say=say, options=QUICK_GROUP, shares=True) as it:
        return _checked(it, members_come_and_go(it, rng, most=most, seconds=120, pause=(0.5, 8.0)))


def _stale_on_tansu(folder: Path, rng: Random, say: Say) -> str:
    with _tansu(folder) as kafka, rig(kafka, folder, say=say) as it:
        return _checked(it, readers_in_each_others_way(it, rng, seconds=60))


def _stale_on_apache(folder: Path, rng: Random, say: Say) -> str:
    with _apache(folder) as (_, kafka), rig(kafka, folder, say=say) as it:
        return _checked(it, readers_in_each_others_way(it, rng, seconds=60))


def _broker_killed(folder: Path, rng: Random, say: Say, *, shares: bool = False) -> str:
    with _apache(folder) as (cluster, kafka), rig(kafka, folder, say=say, shares=shares) as it:
        return _checked(it, broker_killed(it, rng, cluster, times=6, away=(0.0, 10.0)))


def _broker_unreachable(folder: Path, _: Random, say: Say, *, shares: bool = False) -> str:
    with _apache(folder) as (cluster, kafka), rig(kafka, folder, say=say, shares=shares) as it:
        return _checked(it, broker_unreachable(it, cluster, seconds=60))


@contextmanager
def _small_lake(folder: Path, say: Say) -> Iterator[tuple[Rig, Path]]:
    with (
        _tansu(folder) as kafka,
        small_disk(folder / "disk", megabytes=32) as disk,
        rig(kafka, folder, lake=str(disk / "lake"), say=say) as it,
    ):
        yield it, disk


def _lake_full(folder: Path, _: Random, say: Say) -> str:
    with _small_lake(folder, say) as (it, disk):
        return _checked(it, full(it, disk, seconds=30))


def _lake_read_only(folder: Path, _: Random, say: Say) -> str:
    with _small_lake(folder, say) as (it, disk):
        return _checked(it, read_only(it, disk, seconds=30))


def _memory(folder: Path, rng: Random, say: Say) -> str:
    with _apache(folder) as (_, kafka), rig(kafka, folder, say=say) as it:
        return stays_flat(it, rng, events=20_000_000)


def _fuzz(_: Path, rng: Random, say: Say) -> str:
    return decoder_agrees(rng, say, messages=1_200_000)


def _lifecycle(folder: Path, rng: Random, _: Say) -> str:
    with embedded_postgres(folder / "postgres") as url:
        with connect(url) as connection:
            migrate(connection)
        storm = Storm(workflows=10_000, moves=4_000, seed=rng.randrange(10**6))
        told, samples = rage(storm, url, folder, pause=0.2)
        return assert_sound(url, told, samples, workflows=storm.workflows)


def _registry(folder: Path, _: Random, say: Say) -> str:
    with embedded_postgres(folder / "postgres") as url, an_agent(folder / "consul") as agent:
        with connect(url) as connection:
            migrate(connection)
        return asyncio.run(all_are_back_in_one_pass(url, agent, folder, nodes=10_000, say=say))


PARTS = (
    Part("kills", _kills),
    Part("group-of-2", partial(_group, most=2)),
    Part("group-of-3", partial(_group, most=3)),
    Part("stale-tansu", _stale_on_tansu),
    Part("stale-apache", _stale_on_apache),
    Part("broker-killed", _broker_killed),
    Part("broker-unreachable", _broker_unreachable),
    Part("group-broker-killed", partial(_broker_killed, shares=True)),
    Part("group-broker-unreachable", partial(_broker_unreachable, shares=True)),
    Part("lake-full", _lake_full),
    Part("lake-read-only", _lake_read_only),
    Part("memory", _memory),
    Part("fuzz", _fuzz),
    Part("lifecycle", _lifecycle),
    Part("registry", _registry),
)
