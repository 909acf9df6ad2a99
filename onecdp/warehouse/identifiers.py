"""Identifiers on the command line: ID_TYPE:VALUE."""

from __future__ import annotations

import duckdb


def split_identifier(text: str) -> tuple[str, str]:
    """Returns the type of ID_TYPE:VALUE, trimmed and in lower case, and the value as it is.

    The value may contain colons. Text without a colon is a value without a type.

    >>> split_identifier(" Device_ID :a:b")
    ('device_id', 'a:b')
    >>> split_identifier("a")
    ('', 'a')
    """
    id_type, colon, value = text.partition(":")
    return (id_type.strip().lower(), value) if colon else ("", text)


def read_id_types(private: duckdb.DuckDBPyConnection) -> tuple[str, ...]:
    """Returns the identifier types of the last build by priority.

    Raises:
        duckdb.CatalogException: Nothing was built yet.
    """
    rows = private.execute("select id_type from seeds.id_types order by priority").fetchall()
    return tuple(str(id_type) for (id_type,) in rows)
