"""The entry point: runs a command, and turns what went wrong into one line and an exit code."""

import logging
import sys

import typer
from typer.exceptions import TyperException

from omninode.cli.commands import app
from omninode.errors import BadInput, OmninodeError


def main() -> None:
    """Run `omninode`. Exit codes: 0 done, 1 failed, 2 bad input, 130 interrupted."""
    logging.basicConfig(level=logging.WARNING, format="omninode: %(message)s")
    try:
        app(standalone_mode=False)
    except TyperException as error:
        _fail(_usage(error), BadInput.exit_code)
    except OmninodeError as error:
        _fail(str(error), error.exit_code)
    except (KeyboardInterrupt, typer.Abort):
        _fail("interrupted", 130)


def _usage(error: TyperException) -> str:
    """What was wrong with the words of the call; without any words, the help has been printed instead."""
    message = " ".join(error.format_message().replace("Value error, ", "").split())
    return f"{message.rstrip('.')}; see: omninode --help" if message else ""


def _fail(line: str, code: int) -> None:
    if line:
        sys.stderr.write(f"omninode: {line}\n")
    sys.exit(code)
