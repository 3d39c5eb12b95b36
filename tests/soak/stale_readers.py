"""Two full readers of the same topics, each of which is stale again and again."""

import signal
from random import Random
from time import monotonic, sleep

from tests.soak.rig import Rig


def readers_in_each_others_way(rig: Rig, rng: Random, *, seconds: float) -> str:
    """Beside an ingest that runs all the time others read all partitions to their end, and each stands still in turn.

    Who is stopped in the middle of a commit and goes on when another has committed the same messages must be fenced.
    """
    stopped = rounds = 0
    with rig.producing():
        deadline = monotonic() + seconds
        steady = rig.start()
        while monotonic() < deadline:
            other = rig.command.start("ingest", "--until-end", log=rig.log)
            rig.running.append(other)
            while other.poll() is None and monotonic() < deadline + seconds:
                sleep(rng.uniform(0.0, 0.5))
                sleeper = rng.choice((steady, other))
                if sleeper.poll() is None:
                    sleeper.send_signal(signal.SIGSTOP)
                    sleep(rng.uniform(0.0, 0.8))
                    sleeper.send_signal(signal.SIGCONT)
                    stopped += 1
                rig.check_running(steady)
            assert other.wait(60) == 0, f"the second reader failed: {rig.last_words()}"
            rig.running.remove(other)
            rounds += 1
        rig.end_all()
    rig.finish()
    return f"{rounds} second readers, {stopped} times one of both stood still"
