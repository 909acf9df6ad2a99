"""Errors that are for the user: one line each, shown without a traceback."""


class OnecdpError(Exception):
    """Something the user can put right; the text says what and how.

    The command line prints the text and ends with `exit_code`.
    """

    exit_code = 1


class UsageProblem(OnecdpError):
    """The command was given something it can't work with (exit code 2)."""

    exit_code = 2
