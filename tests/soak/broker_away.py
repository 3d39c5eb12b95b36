"""The broker is killed and started again, and stands still for a minute, while ingest runs."""

from random import Random
from time import sleep

from tests.apache_kafka.cluster import Cluster
from tests.soak.rig import Rig


def broker_killed(rig: Rig, rng: Random, cluster: Cluster, *, times: int, away: tuple[float, float]) -> str:
    """Kill the broker with -9 and start it on what it has kept; each time ingest goes on by itself."""
    with rig.producing():
        process = rig.start()
        rig.wait_for_commit()
        for number in range(times):
            sleep(rng.uniform(0.0, 1.0))
            cluster.nodes[0].kill()
            sleep(rng.uniform(*away))
            cluster.start()
            rig.wait_for_commit()
            rig.check_running(process)
            rig.say(f"killed and started {number + 1} times")
        rig.end_all()
    rig.finish()
    return f"killed and started {times} times"


def broker_unreachable(rig: Rig, cluster: Cluster, *, seconds: float) -> str:
    """The broker stands still for so long, then ingest goes on by itself."""
    with rig.producing():
        process = rig.start()
        rig.wait_for_commit()
        cluster.nodes[0].freeze()
        try:
            sleep(seconds)
        finally:
            cluster.nodes[0].thaw()
        rig.wait_for_commit(seconds=90)
        rig.check_running(process)
        rig.end_all()
    rig.finish()
    return f"away for {seconds:.0f} s"
