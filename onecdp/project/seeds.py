"""Validates the seeds before dbt loads them: columns, number of values per line, types.

dbt would stop in the middle of a build with a message of its CSV library, or round a number that
must be whole.
"""

from __future__ import annotations

import csv
import difflib
import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import duckdb

from onecdp.errors import OnecdpError
from onecdp.warehouse.files import scratch

_TYPE = re.compile(r"\w+( \w+)*( ?\([0-9]+(, ?[0-9]+)?\))?")
_TEXTS = ("string", "varchar", "text")
_WHOLE = ("int", "integer", "bigint", "smallint", "tinyint", "hugeint")


@dataclass(frozen=True)
class _Seed:
    name: str
    types: dict[str, str]
    delimiter: str
    later: frozenset[str]
    """Columns that a file of an earlier version lacks."""


def check(project: Path) -> None:
    """Reads the seeds that the project's seeds/*.yml describe, with the types given there.

    Args:
        project: The project's folder.

    Raises:
        OnecdpError: Invalid seed files: of each, the first wrong line and why.
    """
    folder = project / "seeds"
    found = []
    with scratch() as connection:
        for description in sorted([*folder.rglob("*.yml"), *folder.rglob("*.yaml")]):
            for seed in _described(description):
                for file in sorted(folder.rglob(f"{seed.name}.csv")):
                    if (problem := next(_problems(connection, file, seed), None)) is not None:
                        found.append(f"{file.relative_to(project)}: {problem}")
    if found:
        raise OnecdpError("\n".join(found))


def _described(file: Path) -> Iterator[_Seed]:
    """Yields the seeds that a file describes; YAML that can't be read is left to dbt to report."""
    import yaml

    try:
        content = yaml.safe_load(file.read_text(encoding="utf-8"))
    except (yaml.YAMLError, UnicodeDecodeError):
        return
    for seed in _list(_mapping(content).get("seeds")):
        name, config = _mapping(seed).get("name"), _mapping(_mapping(seed).get("config"))
        if isinstance(name, str) and config.get("enabled", True) is True:
            types = {
                str(column): str(kind)
                for column, kind in _mapping(config.get("column_types")).items()
                if _TYPE.fullmatch(str(kind))
            }
            later = frozenset(map(str, _list(_mapping(config.get("meta")).get("later_columns"))))
            yield _Seed(name, types, str(config.get("delimiter", ",")), later)


def _problems(connection: duckdb.DuckDBPyConnection, file: Path, seed: _Seed) -> Iterator[str]:
    # Spreadsheets write a byte order mark.
    with file.open(encoding="utf-8-sig", newline="") as stream:
        reader = csv.reader(stream, delimiter=seed.delimiter)
        line = 1
        try:
            header = next(reader, [])
            if not header or not set(seed.types) - seed.later <= set(header):
                named = seed.delimiter.join(seed.types)
                expected = f"must name the columns {named}; it" if named else "names no columns: it"
                yield f"line 1 {expected} is {seed.delimiter.join(header) or 'empty'}"
            for column in header:
                if column not in seed.types and (
                    near := difflib.get_close_matches(column, seed.later - set(header), 1)
                ):
                    yield f"line 1: no column is called {column}; nearest: {near[0]}"
            line = reader.line_num + 1
            for values in reader:
                if values and len(values) != len(header):
                    count = f"{len(values)} value{'s' if len(values) > 1 else ''}"
                    yield f"line {line} has {count}, line 1 names {len(header)} columns"
                for column, value in zip(header, values, strict=False):
                    kind = seed.types.get(column, "string")
                    if value and kind not in _TEXTS and not _is_of(connection, kind, value):
                        yield f"line {line}: {column} is {value}, which is no {kind}"
                line = reader.line_num + 1
        except UnicodeDecodeError:
            yield "it is no UTF-8: save it as CSV UTF-8"
        except csv.Error as error:
            yield f"line {line}: {error}"


def _is_of(connection: duckdb.DuckDBPyConnection, kind: str, value: str) -> bool:
    """Whether DuckDB can cast the value to the type without rounding."""
    is_whole = "try_cast($1 as double) = trunc(try_cast($1 as double))"
    rule = is_whole if kind.lower() in _WHOLE else "true"
    try:
        row = connection.execute(
            f"select try_cast($1 as {kind}) is not null and {rule}", [value]
        ).fetchone()
    except duckdb.CatalogException:
        # Not a type of DuckDB; left to dbt to report.
        return True
    return bool(row and row[0])


def _mapping(value: object) -> dict[Any, Any]:
    return value if isinstance(value, dict) else {}


def _list(value: object) -> list[Any]:
    return value if isinstance(value, list) else []
