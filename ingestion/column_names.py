"""The setting `columns`: the user's own names of the columns of a source."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import replace

import dlt
from dlt.common.configuration.exceptions import ConfigurationException

from .declaration import TableSpec, letters


class BadColumns(Exception):
    """The setting can't be used; the message names it, for the user."""


def with_own_names(tables: Sequence[TableSpec]) -> list[TableSpec]:
    """The tables with the names that the project's settings give to their columns.

    The setting is `[sources.<source>.columns]` in `.dlt/config.toml`; in a source of several tables
    `[sources.<source>.<table>.columns]`. It has a line per name: `Customer Number = "member_id"`.

    Args:
        tables: The tables of all sources, with their identifiers.

    Raises:
        BadColumns: It names a column that the table has not, or one column twice.
    """
    return [_named(spec, [s for s in tables if s.source == spec.source]) for spec in tables]


def _named(spec: TableSpec, tables: Sequence[TableSpec]) -> TableSpec:
    of_source, of_table = setting(spec), setting(spec, of_table=True)
    by_source, by_table = _read(of_source), _read(of_table)
    if by_source and len(tables) > 1:
        names = " or ".join(f"[{setting(table, of_table=True)}]" for table in tables)
        raise BadColumns(f"{of_source}: source {spec.source} has several tables; say {names}")
    if by_source and by_table:
        raise BadColumns(f"{of_source} and {of_table} are the same table; keep one of them")
    name = of_table if by_table else of_source
    own_names = by_table or by_source
    _check(spec, own_names, name)
    return replace(spec, own_names=tuple(own_names.items()))


def setting(spec: TableSpec, *, of_table: bool = False) -> str:
    """The name of the setting."""
    return f"sources.{spec.source}.{f'{spec.table}.' if of_table else ''}columns"


def _read(name: str) -> dict[str, str]:
    wrong = (
        f'{name} must be a line per column, as "Customer Number" = "member_id" (.dlt/config.toml)'
    )
    try:
        found = dlt.config.get(name, dict) or {}
    except (ConfigurationException, ValueError):
        raise BadColumns(wrong) from None
    for theirs, ours in found.items():
        if not isinstance(ours, str):
            # TOML reads a point in a name without quotes as a table of its own.
            raise BadColumns(f"{wrong}; {theirs!r} is no text: write names in quotes")
        if not theirs.strip():
            raise BadColumns(f"{wrong}; one of them names an empty column")
    return {theirs.strip(): ours.strip() for theirs, ours in found.items()}


def _check(spec: TableSpec, own_names: Mapping[str, str], name: str) -> None:
    columns = targets(spec)
    by_column: dict[str, str] = {}
    by_letters: dict[str, str] = {}
    for theirs, ours in own_names.items():
        if ours not in columns and not _is_asked_for(theirs, ours, spec):
            own = "" if spec.keeps_undeclared else ", or its own name in small letters"
            raise BadColumns(
                f"{name}: {theirs!r} is to be {ours!r}, but {spec.source} has no such column; "
                f"expected one of {', '.join(columns)}{own} (.dlt/config.toml)"
            )
        other = by_column.setdefault(ours, theirs)
        if other != theirs:
            raise BadColumns(
                f"{name}: both {other!r} and {theirs!r} are to be {ours!r}; keep one of them "
                "(.dlt/config.toml)"
            )
        other = by_letters.setdefault(letters(theirs) or theirs, theirs)
        if other != theirs:
            raise BadColumns(
                f"{name}: {other!r} and {theirs!r} are one name, since case, spaces and "
                "underlines don't count; keep one of them (.dlt/config.toml)"
            )


def _is_asked_for(theirs: str, ours: str, spec: TableSpec) -> bool:
    """Whether it is a column that the table does not take unless the setting names it."""
    is_name = re.fullmatch("[a-z][a-z0-9_]*", ours) is not None
    return not spec.keeps_undeclared and is_name and letters(theirs) == letters(ours)


def targets(spec: TableSpec) -> list[str]:
    """The columns that a name may stand for: declared ones and identifiers."""
    identifiers = [name for i in spec.identifiers for name in (i.column, i.type_column) if name]
    return list(dict.fromkeys([*(column.name for column in spec.columns), *identifiers]))
