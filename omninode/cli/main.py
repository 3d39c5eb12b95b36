"""The entry point: runs a command, and turns what went wrong into one line and an exit code."""

import signal
import sys
from types import FrameType


def main() -> None:
    """Run `omninode`. Exit codes: 0 done, 1 failed, 2 bad input, 130 interrupted, 143 asked to end."""
    signals = [int(signal.SIGINT)]

    def interrupt(number: int, _frame: FrameType | None) -> None:
        signals.append(number)
        raise KeyboardInterrupt

    # Like Ctrl-C: what was started is ended on the way out.
    signal.signal(signal.SIGTERM, interrupt)
    try:
        # What takes long to import comes after: an early Ctrl-C is no traceback.
        from omninode.cli.run import run

        sys.exit(run())
    except KeyboardInterrupt:
        sys.stderr.write("omninode: interrupted\n")
        sys.exit(128 + signals[-1])
