"""The entry point: runs a command, and turns what went wrong into one line and an exit code."""

import logging
import sys

from omninode.cli.commands import app
from omninode.errors import OmninodeError


def main() -> None:
    """Run `omninode`. Exit codes: 0 done, 1 failed, 2 bad input, 130 interrupted."""
    logging.basicConfig(level=logging.WARNING, format="omninode: %(message)s")
    try:
        app()
    except OmninodeError as error:
        sys.stderr.write(f"omninode: {error}\n")
        sys.exit(error.exit_code)
    except KeyboardInterrupt:
        sys.stderr.write("omninode: interrupted\n")
        sys.exit(130)
