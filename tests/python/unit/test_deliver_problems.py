"""What is told of a database's error: what is wrong, and no value of a row."""

from __future__ import annotations

from types import SimpleNamespace

import pytest

from onecdp.destinations.databases.postgresql import PostgreSql


class ServerError(Exception):
    """As psycopg2 has it."""

    def __init__(self, code: str, message: str, context: str) -> None:
        super().__init__(message)
        self.pgcode = code
        self.diag = SimpleNamespace(message_primary=message, context=context)


@pytest.mark.parametrize(
    ("error", "told"),
    [
        (
            ServerError(
                "22P02",
                'invalid input syntax for type bigint: "MBR1"',
                'COPY stage, line 1, column member_id: "MBR1, column MBR2"',
            ),
            "column member_id: invalid text representation (SQLSTATE 22P02)",
        ),
        (
            ServerError(
                "22003",
                "Wert »MBR1« ist außerhalb des gültigen Bereichs für Typ real",
                "COPY stage, Zeile 1, Spalte points: »MBR1, column MBR2«",
            ),
            "numeric value out of range (SQLSTATE 22003)",
        ),
        (ServerError("22XXX", "MBR1", ""), "data exception (SQLSTATE 22XXX)"),
        (ServerError("42501", "keine Berechtigung", ""), "keine Berechtigung"),
    ],
)
def test_postgresqls_values_are_not_told_in_any_language(error: Exception, told: str) -> None:
    problem = PostgreSql().problem(error)
    assert (problem.text, problem.may_pass) == (told, False)
