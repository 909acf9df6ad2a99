"""Places to read again because the setting `columns` has changed since they were loaded."""

from __future__ import annotations

import json
from collections.abc import Collection, Mapping, Sequence
from dataclasses import replace

import duckdb

from ..declaration import TableSpec
from .header_names import column_of


def find_renamed(
    connection: duckdb.DuckDBPyConnection, loads: str, tables: Sequence[TableSpec]
) -> dict[str, str]:
    """The places with a column that the setting names otherwise now; why, by the place's name.

    Args:
        connection: The scratch database.
        loads: The relation of loads.
        tables: The tables of the source.
    """
    table = "arg_max(table_name, loaded_at)" if len(tables) > 1 else "null"
    found = connection.execute(
        f"select file, {table}, arg_max(columns, loaded_at), arg_max(own_names, loaded_at) "
        f"from {loads} group by file"
    )
    specs = {spec.table: spec for spec in tables}
    renamed: dict[str, str] = {}
    for file, name, columns, own_names in found.fetchall():
        spec = specs.get(name, tables[0])
        before = json.loads(own_names or "{}")
        # Loads of an earlier version of onecdp tell no columns.
        held = None if columns is None else json.loads(columns)
        if changed := _changed(spec, before, held):
            renamed[file] = _notice(spec, changed, before)
    return renamed


def own_names_json(spec: TableSpec) -> str:
    """The setting, as `loads` keeps it."""
    return json.dumps(dict(sorted(spec.own_names)), ensure_ascii=False)


def _changed(
    spec: TableSpec, before: Mapping[str, str], columns: Collection[str] | None
) -> list[str]:
    """The names in the setting, then or now, that a place has and that mean another column now."""
    now = dict(spec.own_names)
    if now == before:
        return []
    then = replace(spec, own_names=tuple(before.items()))
    held = None if columns is None else {name.casefold() for name in columns}
    changed = []
    for name in {**before, **now}:
        # The place of a name in its header matters only where the name has no letters.
        old, new = column_of(name, 2, then), column_of(name, 2, spec)
        if old != new and (held is None or old.casefold() in held or old == "column_2"):
            changed.append(name)
    return changed


def _notice(spec: TableSpec, changed: Sequence[str], before: Mapping[str, str]) -> str:
    now = dict(spec.own_names)
    named = ", ".join(map(repr, changed))
    text = f"is read again: the setting sources.{spec.source}.columns has changed for {named}"
    if stale := sorted({before[name] for name in changed if name in before and name not in now}):
        text += f"; what was loaded as {', '.join(stale)} stays until a file says otherwise"
    return text
