"""Errors that a user is meant to read: one line that names the thing and the remedy."""


class OmninodeError(Exception):
    """Something failed. The message is one line and says what to do."""

    exit_code = 1


class Interrupted(OmninodeError):
    """Somebody wanted an end before all was done. What was done stays."""

    exit_code = 130


class BadInput(OmninodeError):
    """What the user gave cannot be used: a setting, an argument, a file."""

    exit_code = 2
