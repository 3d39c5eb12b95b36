"""Run the command that the words of the call name."""

import logging
import sys

import typer
from typer.exceptions import TyperException

from omninode.cli.commands import app
from omninode.errors import BadInput, OmninodeError

_INTERRUPTED = 130


def run() -> int:
    """Run it and return the exit code; an error is one line. Raises `KeyboardInterrupt` if somebody wants an end."""
    logging.basicConfig(level=logging.WARNING, format="omninode: %(message)s")
    try:
        code = app(standalone_mode=False)
    except TyperException as error:
        return _said(_usage(error), BadInput.exit_code)
    except OmninodeError as error:
        return _said(str(error), error.exit_code)
    except typer.Abort as error:
        raise KeyboardInterrupt from error
    if code == _INTERRUPTED:
        raise KeyboardInterrupt
    return code if isinstance(code, int) else 0


def _usage(error: TyperException) -> str:
    """What was wrong with the words of the call; without any words, the help has been printed instead."""
    message = " ".join(error.format_message().replace("Value error, ", "").split())
    return f"{message.rstrip('.')}; see: {_command(error)} --help" if message else ""


def _command(error: TyperException) -> str:
    """Return the command that was called, as far as it is one."""
    context, words = getattr(error, "ctx", None), list[str]()
    while context is not None and context.parent is not None:
        words.insert(0, context.info_name)
        context = context.parent
    return " ".join(["omninode", *words])


def _said(line: str, code: int) -> int:
    if line:
        sys.stderr.write(f"omninode: {line}\n")
    return code
