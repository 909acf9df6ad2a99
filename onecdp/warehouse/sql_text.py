"""SQL text: quoted identifiers, text literals, and DuckDB's error messages in one line."""

from __future__ import annotations


def quoted(name: str) -> str:
    """Returns a SQL identifier, quoted.

    >>> quoted('order"s')
    '"order""s"'
    """
    return '"' + name.replace('"', '""') + '"'


def literal(text: str) -> str:
    """Returns a SQL text literal.

    >>> literal("O'Hara")
    "'O''Hara'"
    """
    return "'" + text.replace("'", "''") + "'"


def one_line(message: str) -> str:
    r"""Returns the reason of a DuckDB error in one line, without the excerpt of the query.

    >>> one_line('Parser Error: syntax error\n\nLINE 1: selec 1\n        ^')
    'Parser Error: syntax error'
    """
    lines = []
    for line in map(str.strip, message.splitlines()):
        # What follows points into the query with a caret, or into the calling code.
        if line.startswith(("LINE ", "At:")):
            break
        lines.append(line)
    return " ".join(line for line in lines if line)
