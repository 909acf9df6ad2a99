"""Errors that are for the user: one line each, shown without a traceback."""


class OnecdpError(Exception):
    """Something the user can fix; the text says what and how.

    The command line prints the text and ends with `exit_code`.
    """

    exit_code = 1


class UsageProblem(OnecdpError):
    """The command was given something it can't work with (exit code 2)."""

    exit_code = 2


class Stopped(OnecdpError):
    """The command was stopped by Ctrl-C; the text says what that leaves."""

    # The exit code that shells give a program ended by Ctrl-C.
    exit_code = 130
