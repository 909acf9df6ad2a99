"""Which columns of the raw tables hold identifiers: read from the YAML of the staging models.

The YAML is the only place where that is written, and dbt's models read it too. A column of
`stg_<source>__<table>` holds identifiers if its `config: {meta: …}` has

- `id_type`: the type of all its values, with a row in `seeds/id_types.csv`; or
- `id_type_column`: the column that holds the type of each value; and
- `raw_column`: its name in the raw table, where staging renames it.
"""

from __future__ import annotations

import csv
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import yaml

from .declaration import BadDeclaration, Identifier, TableSpec

STAGING = Path("models", "staging")
ID_TYPES = Path("seeds", "id_types.csv")
_Loader = getattr(yaml, "CSafeLoader", yaml.SafeLoader)


@dataclass(frozen=True)
class DeclaredIdentifier:
    """A raw column that holds identifiers.

    Attributes:
        source: The source of the raw table.
        table: The raw table.
        column: The column in the raw table.
        id_type: The type of its values; empty where `type_column` holds it.
        type_column: The column in the raw table that holds the types; or empty.
    """

    source: str
    table: str
    column: str
    id_type: str
    type_column: str


def read_identifiers(project: Path) -> list[DeclaredIdentifier]:
    """Reads what the staging models of a project declare, by table, the best identifier first.

    Best is the type with the lowest `priority` in `seeds/id_types.csv`.

    Raises:
        BadDeclaration: A file can't be read, or a declaration in it is invalid.
    """
    priorities = _read_priorities(project / ID_TYPES)
    found: dict[tuple[str, str, str], tuple[DeclaredIdentifier, int]] = {}
    for file in sorted((project / STAGING).rglob("*.y*ml")):
        name = file.relative_to(project).as_posix()
        for declared in _read_file(file, name):
            if declared.id_type and declared.id_type not in priorities:
                raise BadDeclaration(
                    f"{name}: column {declared.column}: id_type {declared.id_type!r} has no row in "
                    f"{ID_TYPES.as_posix()}"
                )
            column = (declared.source, declared.table, declared.column)
            if column in found:
                raise BadDeclaration(
                    f"{name}: column {declared.column} of raw_{declared.source}.{declared.table} "
                    "is declared as an identifier twice"
                )
            found[column] = (declared, priorities.get(declared.id_type, 0))
    by_priority = sorted(found.values(), key=lambda item: item[1])
    return sorted((item[0] for item in by_priority), key=lambda item: (item.source, item.table))


def attach_identifiers(tables: Iterable[TableSpec], project: Path) -> list[TableSpec]:
    """Returns the tables with the identifiers that the project declares for them.

    Raises:
        BadDeclaration: As `read_identifiers`.
    """
    declared = read_identifiers(project)
    id_types = frozenset(_read_priorities(project / ID_TYPES))
    attached = []
    for spec in tables:
        identifiers = tuple(
            Identifier(d.column, d.id_type, d.type_column)
            for d in declared
            if (d.source, d.table) == (spec.source, spec.table)
        )
        attached.append(replace(spec, identifiers=identifiers, id_types=id_types))
    return attached


def read_id_types(project: Path) -> list[str]:
    """The types of identifiers of a project.

    Raises:
        BadDeclaration: `seeds/id_types.csv` can't be read.
    """
    return list(_read_priorities(project / ID_TYPES))


def _read_priorities(file: Path) -> dict[str, int]:
    try:
        with file.open(newline="", encoding="utf-8") as stream:
            rows = list(csv.DictReader(stream))
        return {row["id_type"].strip(): int(row["priority"]) for row in rows}
    except (OSError, KeyError, ValueError, TypeError, AttributeError) as error:
        raise BadDeclaration(f"{ID_TYPES.as_posix()} cannot be read: {error}") from error


def _read_file(file: Path, name: str) -> Iterator[DeclaredIdentifier]:
    try:
        content = yaml.load(file.read_text(encoding="utf-8"), Loader=_Loader)
    except (OSError, ValueError, yaml.YAMLError) as error:
        reason = " ".join(str(error).split())
        raise BadDeclaration(f"{name} cannot be read: {reason}") from error
    for model in _list(content, "models", name):
        source, _, table = str(model.get("name", "")).removeprefix("stg_").partition("__")
        metas = {str(c["name"]): _meta(c) for c in _list(model, "columns", name)}
        raw_names = {column: str(meta.get("raw_column", column)) for column, meta in metas.items()}
        for column, meta in metas.items():
            id_type, type_column = meta.get("id_type", ""), meta.get("id_type_column", "")
            if not (id_type or type_column):
                continue
            if not (isinstance(id_type, str) and isinstance(type_column, str)) or (
                id_type and type_column
            ):
                raise BadDeclaration(
                    f"{name}: column {column}: meta wants either id_type or id_type_column, as text"
                )
            yield DeclaredIdentifier(
                source,
                table,
                raw_names[column],
                id_type,
                raw_names.get(type_column, type_column),
            )


def _list(content: Any, key: str, name: str) -> Sequence[dict[str, Any]]:
    found = content.get(key) if isinstance(content, dict) else None
    entries = found or []
    if not isinstance(entries, list) or not all(
        isinstance(entry, dict) and "name" in entry for entry in entries
    ):
        raise BadDeclaration(f"{name}: {key} is not a list of entries with a name")
    return entries


def _meta(column: dict[str, Any]) -> dict[str, Any]:
    """The column's meta; dbt reads both places as well."""
    config = column.get("config")
    metas = [column.get("meta"), config.get("meta") if isinstance(config, dict) else None]
    return {key: value for meta in metas if isinstance(meta, dict) for key, value in meta.items()}
