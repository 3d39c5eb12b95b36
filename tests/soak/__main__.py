"""`python -m tests.soak [ONLY] [SEED]`: the long version of what `make test` shows of ingest's guarantees.

ONLY is the beginning of a part's name. Each part ends with a verdict; the exit code is 1 if anything was lost, doubled
or otherwise not as promised, and 0 if not. A part that cannot run on this machine is named.
"""

import signal
import sys
import traceback
from functools import partial
from random import Random, SystemRandom
from time import monotonic

import pytest

from omninode.errors import BadInput, OmninodeError
from tests.apache_kafka.node import NodeFailed
from tests.postgres import state_folder
from tests.soak.parts import PARTS, Part


def main(arguments: list[str]) -> int:
    """Run the parts whose names begin with the first argument; return the exit code."""
    try:
        chosen, seed = _asked_for(arguments)
    except BadInput as error:
        sys.stderr.write(f"soak: {error}\n")
        return error.exit_code
    print(f"seed {seed}: with it the same happens at the same moments, as far as a seed can say", flush=True)
    verdicts = {part.name: _verdict(part, seed) for part in chosen}
    for name, verdict in verdicts.items():
        print(f"{name}: {verdict}")
    failed = sum(verdict.startswith("FAILED") for verdict in verdicts.values())
    print(f"soak: {f'FAILED, {failed} of {len(verdicts)} parts' if failed else 'nothing lost, nothing doubled'}")
    return 1 if failed else 0


def _asked_for(arguments: list[str]) -> tuple[list[Part], int]:
    only = arguments[0] if arguments else ""
    chosen = [part for part in PARTS if part.name.startswith(only)]
    if not chosen or len(arguments) > 2:
        raise BadInput(f"no part begins with {only!r}; there are: {', '.join(part.name for part in PARTS)}")
    try:
        return chosen, int(arguments[1]) if len(arguments) > 1 else SystemRandom().randrange(10**9)
    except ValueError:
        raise BadInput(f"{arguments[1]!r} is no seed; give a whole number") from None


def _verdict(part: Part, seed: int) -> str:
    """Run a part and say how it ended."""
    began = monotonic()
    say = partial(_say, part.name)
    say("begins")
    try:
        with state_folder() as folder:
            verdict = part.run(folder, Random(f"{part.name} {seed}"), say)
    except pytest.skip.Exception as error:
        verdict = f"not run: {error}"
    except (AssertionError, OmninodeError, NodeFailed) as error:
        verdict = f"FAILED: {error}"
        say(traceback.format_exc())
    verdict += f" ({monotonic() - began:.0f} s)"
    say(verdict)
    return verdict


def _say(name: str, line: str) -> None:
    print(f"{name}: {line}", flush=True)


if __name__ == "__main__":
    # Whoever is asked to stop still ends its servers: leaving by an exception runs what `with` promises.
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))
    sys.exit(main(sys.argv[1:]))
