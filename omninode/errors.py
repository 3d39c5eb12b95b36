"""Errors that a user is meant to read: one line that names the thing and the remedy."""


class OmninodeError(Exception):
    """Something failed. The message is one line and says what to do."""

    exit_code = 1


class BadInput(OmninodeError):
    """What the user gave cannot be used: a setting, an argument, a file."""

    exit_code = 2
