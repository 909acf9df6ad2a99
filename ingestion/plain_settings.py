"""The setting `store_plain_pii`: the columns whose plain values are kept beside their hashes."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import dlt
from dlt.common.configuration.exceptions import ConfigurationException

from .declaration import TableSpec


class BadPlainColumns(Exception):
    """The setting can't be used; the message names it, for the user."""


def with_plain_columns(tables: Sequence[TableSpec]) -> list[TableSpec]:
    """The tables with what the project's settings say of plain values.

    The setting is `store_plain_pii = ["email_hash"]` below `[sources.<source>]` in
    `.dlt/config.toml`; in a source of several tables below `[sources.<source>.<table>]`.

    Args:
        tables: The tables of all sources, with their identifiers.

    Raises:
        BadPlainColumns: It names what is no column of hashes.
    """
    return [_with_columns(spec, [s for s in tables if s.source == spec.source]) for spec in tables]


def _with_columns(spec: TableSpec, tables: Sequence[TableSpec]) -> TableSpec:
    of_source = f"sources.{spec.source}.store_plain_pii"
    of_table = f"sources.{spec.source}.{spec.table}.store_plain_pii"
    by_source, by_table = _read(of_source), _read(of_table)
    if by_source and len(tables) > 1:
        names = " or ".join(f"[sources.{s.source}.{s.table}]" for s in tables)
        raise BadPlainColumns(
            f"{of_source}: source {spec.source} has several tables; set it below {names} "
            "(.dlt/config.toml)"
        )
    name, said = (of_table, by_table) if by_table else (of_source, by_source)
    hashed = _hashed(spec)
    columns = []
    for column in said:
        meant = column if column in hashed else spec.known(column)
        if meant not in hashed:
            expected = f"expected any of {', '.join(hashed)}" if hashed else "it has none"
            raise BadPlainColumns(
                f"{name}: {column!r} is no column of {spec.source} with hashes of e-mail addresses "
                f"or phone numbers; {expected} (.dlt/config.toml)"
            )
        columns.append(meant)
    return replace(spec, plain_columns=tuple(dict.fromkeys(columns)))


def _hashed(spec: TableSpec) -> list[str]:
    declared = [column.name for column in spec.columns]
    of_any_type = [identifier.column for identifier in spec.identifiers if identifier.type_column]
    names = dict.fromkeys([*declared, *(identifier.column for identifier in spec.identifiers)])
    return [name for name in names if spec.kind_of(name).is_hash or name in of_any_type]


def _read(name: str) -> list[str]:
    wrong = f'{name} must be a list of columns, as ["email_hash"] (.dlt/config.toml)'
    try:
        found = dlt.config.get(name, list)
    except (ConfigurationException, ValueError):
        raise BadPlainColumns(wrong) from None
    found = [] if found is None else found
    if not isinstance(found, list) or not all(isinstance(column, str) for column in found):
        raise BadPlainColumns(wrong)
    return found
