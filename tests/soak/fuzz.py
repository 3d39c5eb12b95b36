"""The differential fuzz test of the decoder, on a million messages and more."""

import subprocess
import sys
from collections.abc import Callable
from random import Random

from tests.command import ROOT

_PROCESSES = 2


def decoder_agrees(rng: Random, say: Callable[[str], object], *, messages: int) -> str:
    """Compare in processes of their own: one that crashes is named by its seed."""
    seeds = [rng.randrange(10**9) for _ in range(_PROCESSES)]
    share = -(-messages // _PROCESSES)
    say(f"again with: python -m tests.fuzz SEED {share}, the seeds {', '.join(map(str, seeds))}")
    children = [(seed, _compare(seed, share)) for seed in seeds]
    for seed, child in children:
        said, complaint = child.communicate()
        say(said.rstrip())
        assert child.returncode == 0, f"seed {seed}: exit code {child.returncode}: {complaint[-2_000:]}"
    return f"{share * _PROCESSES:,} messages read alike"


def _compare(seed: int, messages: int) -> "subprocess.Popen[str]":
    command = [sys.executable, "-m", "tests.fuzz", str(seed), str(messages)]
    return subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
