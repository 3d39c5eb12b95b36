"""The entry point: runs a command, and turns what went wrong into one line and an exit code."""

import os
import signal
import sys
from types import FrameType


class _Ended(KeyboardInterrupt):
    """Somebody sent a signal.

    A class of its own, because Python remembers a bare `KeyboardInterrupt` that came while something was imported,
    caught or not, and ends by it.
    """


def main() -> None:
    """Run `omninode`. Exit codes: 0 done, 1 failed, 2 bad input, 130 interrupted, 143 asked to end."""
    received = [int(signal.SIGINT)]

    def end(number: int, _frame: FrameType | None) -> None:
        received.append(number)
        raise _Ended

    # Like Ctrl-C: what was started is ended on the way out. Who starts us may have chosen that Ctrl-C is not for us.
    for number in (signal.SIGINT, signal.SIGTERM):
        if signal.getsignal(number) is not signal.SIG_IGN:
            signal.signal(number, end)
    # Delta's own log says in many lines what we say in one.
    os.environ.setdefault("RUST_LOG", "error")
    try:
        # What takes long to import comes after: an early Ctrl-C is no traceback.
        from omninode.cli.run import run

        sys.exit(run())
    except KeyboardInterrupt:
        sys.stderr.write("omninode: interrupted\n")
        sys.exit(128 + received[-1])
