"""Ingests of one consumer group join and leave under load, asked to or killed."""

import signal
from collections import Counter
from random import Random
from time import monotonic, sleep

from tests.soak.rig import Rig

#: So that a killed member is missed after seconds: by default its partitions would lie still for most of the run.
QUICK_GROUP = {"session.timeout.ms": "6000", "heartbeat.interval.ms": "1000"}


def members_come_and_go(rig: Rig, rng: Random, *, most: int, seconds: float, pause: tuple[float, float]) -> str:
    """For so long start and end ingests at random, never more than `most` of them, while messages are published."""
    did: Counter[str] = Counter()
    with rig.producing():
        deadline = monotonic() + seconds
        rig.start()
        while monotonic() < deadline:
            sleep(rng.uniform(*pause))
            for process in rig.running:
                rig.check_running(process)
            did[_change(rig, rng, most)] += 1
        rig.end_all()
    rig.finish()
    return ", ".join(f"{count} {what}" for what, count in sorted(did.items()))


def _change(rig: Rig, rng: Random, most: int) -> str:
    if len(rig.running) < most and (not rig.running or rng.random() < 0.55):
        rig.start()
        return "joined"
    number = rng.choice((signal.SIGTERM, signal.SIGKILL))
    rig.end(rng.choice(rig.running), number)
    return f"left by {number.name}"
