"""What a user reads when a Python model raises: the reason, not the traceback."""

from __future__ import annotations

import textwrap
import traceback

import pytest

from onecdp.project.dbt_report import last_exception


class AudienceError(ValueError):
    pass


def raised(error: Exception, cause: Exception | None = None) -> str:
    """dbt's message for a model that raised `error`, indented as dbt does."""
    try:
        raise error from cause
    except Exception as caught:
        words = "Python model failed:\n" + "".join(traceback.format_exception(caught))
    return "Runtime Error in model m (models/m.py)\n" + textwrap.indent(words, "  ")


@pytest.mark.parametrize(
    ("error", "reason"),
    [
        (ValueError("PKG002: unknown tag"), "PKG002: unknown tag"),
        (AssertionError(), "AssertionError"),
        (
            AudienceError('a.csv: unknown tag "x"; nearest: "y"'),
            'a.csv: unknown tag "x"; nearest: "y"',
        ),
        (ValueError("first line\nHint: second line"), "first line Hint: second line"),
        (KeyError("one_id"), "KeyError: 'one_id'"),
    ],
)
def test_the_reason_of_a_python_model(error: Exception, reason: str) -> None:
    assert last_exception(raised(error)) == reason


def test_of_chained_exceptions_the_last_one_counts() -> None:
    message = raised(ValueError("what the user can act upon"), cause=KeyError("inner"))

    assert last_exception(message) == "what the user can act upon"
