"""What a file of no known source holds: its columns, what they are, and which can be a key."""

from __future__ import annotations

import tempfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import duckdb
import pyarrow as pa

from onecdp.warehouse.sql_text import literal, quoted

from ..declaration import DateOrder, Kind, OnRepeatedKey, TableSpec, personal_kind
from ..identifiers import read_id_types, read_identifiers
from ..landing.arrivals import INDEX, LINE, Refused
from ..landing.kinds import DECIMAL, typed
from ..landing.scratch import open_scratch
from ..pipelines import SOURCES
from ..readers.discover import no_format, source_file
from ..readers.files import read

_SHOWN = 3
# Zeros in front and more than 15 digits are those of a code, such as a card's number.
_NO_CODE = "regexp_matches(trim({0}), '^-?(0|[1-9][0-9]{{0,14}})(\\.[0-9]+)?$')"

# Values of a column that no name tells: all are e-mail addresses, or numbers with their country.
_PERSONAL_VALUES = {
    Kind.EMAIL_HASH: r"^[^@\s]+@[^@\s]+\.[^@\s]+$",
    Kind.PHONE_HASH: r"^\+[0-9][0-9 ().-]{6,20}$",
}


class NoShape(Exception):
    """The file can't be read; the message is for the user."""


@dataclass(frozen=True)
class ShapeColumn:
    """A column of a file.

    Attributes:
        name: What it is called in a raw table.
        kind: What its values are, as `Kind` has it.
        empty: How many rows have no value.
        empty_lines: The lines of the first of them.
        doubled: A value that differing rows share, with their lines; empty if there is none.
        values: How many different values it has.
    """

    name: str
    kind: str
    empty: int
    empty_lines: tuple[int, ...]
    doubled: str
    values: int


@dataclass(frozen=True)
class Shape:
    """What a file holds.

    Attributes:
        columns: Its columns, in order.
        rows: How many rows could be read.
        day_first: Whether its dates with slashes have the day first.
        doubled: As for a column, of the key that was asked about.
        known_identifiers: The type of identifier of each name that the project has for one:
            types, and columns of raw tables. A name with two types is not there.
        personal: The type of the hash of each column that holds addresses or numbers of people, by
            its name or its values.
        id_types: The types of identifiers that there are.
    """

    columns: tuple[ShapeColumn, ...]
    rows: int
    day_first: bool
    doubled: str
    known_identifiers: Mapping[str, str]
    personal: Mapping[str, str]
    id_types: tuple[str, ...]


def read_shape(path: Path, project: Path, key: Sequence[str] = (), is_xlsx: bool = True) -> Shape:
    """Reads a whole file and tells what it holds.

    Args:
        path: A CSV, JSON lines, Parquet or XLSX file, plain or gzip.
        project: The project's folder, for its types of identifiers.
        key: Columns to try as a key, by the names of raw tables.
        is_xlsx: Whether workbooks are read.

    Raises:
        NoShape: It can't be read, or has no rows.
    """
    file = source_file(path, path.name, is_xlsx)
    if file is None:
        raise NoShape(f"it {no_format(path, is_xlsx)}")
    spec = TableSpec("any", "rows", (), (), OnRepeatedKey.FIRST_WINS)
    with tempfile.TemporaryDirectory(prefix="onecdp-shape-") as folder:
        connection = open_scratch(Path(folder))
        try:
            chunks = list(read(file, spec, Path(folder)))
            tables = [chunk.table for chunk in chunks]
            rows = pa.concat_tables(tables, promote_options="default") if tables else None
            if rows is None or not rows.num_rows:
                broken = next((row for chunk in chunks for row in chunk.broken), None)
                told = f" that can be read; line {broken.line}: {broken.reason}" if broken else ""
                raise NoShape(f"it has no rows{told}")
            names = [n for n in rows.column_names if not n.startswith("_")]
            connection.register("read", rows.select([*names, LINE]))
            every = ", ".join(map(quoted, names))
            connection.execute(
                f"create table shape as select {every}, min({LINE}) as {LINE} from read "
                "group by all"
            )
            return _shape(connection, names, rows.num_rows, key, project)
        except Refused as refusal:
            raise NoShape(f"it {refusal}") from None
        finally:
            connection.close()


def _shape(
    connection: duckdb.DuckDBPyConnection,
    names: Sequence[str],
    rows: int,
    key: Sequence[str],
    project: Path,
) -> Shape:
    order = _date_order(connection, names)
    columns = []
    for name in names:
        if name == INDEX:
            continue
        column = quoted(name)
        ((empty, values),) = connection.execute(
            f"select count(*) filter (trim({column}) = '' or {column} is null), "
            f"count(distinct {column}) from shape"
        ).fetchall()
        lines = connection.execute(
            f"select {LINE} from shape where trim({column}) = '' or {column} is null "
            f"order by 1 limit {_SHOWN}"
        ).fetchall()
        kind = _kind(connection, name, order)
        columns.append(
            ShapeColumn(
                name, str(kind), empty, tuple(line for (line,) in lines),
                _doubled(connection, [name]), values,
            )
        )  # fmt: skip
    asked = _doubled(connection, key) if key and set(key) <= set(names) else ""
    day_first = order is DateOrder.DAY_FIRST
    known = _known_identifiers(project, names)
    types = tuple(read_id_types(project))
    personal = {
        name: str(held) for name in names if (held := _personal(connection, name)) is not None
    }
    return Shape(tuple(columns), rows, day_first, asked, known, personal, types)


def _personal(connection: duckdb.DuckDBPyConnection, name: str) -> Kind | None:
    if (by_name := personal_kind(name)) is not None:
        return by_name
    column = quoted(name)
    by_value = {
        kind: f"case when regexp_matches(trim({column}), {literal(pattern)}) then 1 end"
        for kind, pattern in _PERSONAL_VALUES.items()
    }
    return next((k for k, test in by_value.items() if _fits(connection, name, test)), None)


def _doubled(connection: duckdb.DuckDBPyConnection, key: Sequence[str]) -> str:
    """The first value of a key that rows share, with their lines; rows that are equal are one."""
    parts = ", ".join(f"trim({quoted(name)})" for name in key)
    shown = f"concat_ws(', ', {parts})"
    found = connection.execute(
        f"select {shown}, list({LINE} order by {LINE}) as lines from shape "
        f"where {' and '.join(f'{quoted(n)} is not null' for n in key)} "
        f"group by all having count(*) > 1 order by lines[1] limit 1"
    ).fetchall()
    if not found:
        return ""
    ((value, lines),) = found
    told = ", ".join(str(line) for line in lines[:_SHOWN])
    return f"{value[:60]!r} is in lines {told}{' and more' if len(lines) > _SHOWN else ''}"


def _date_order(connection: duckdb.DuckDBPyConnection, names: Sequence[str]) -> DateOrder | None:
    """Day first, where a column can be read as dates in no other way."""
    for name in names:
        month, day = (
            _fits(connection, name, typed(name, Kind.TIMESTAMP, order))
            for order in (DateOrder.MONTH_FIRST, DateOrder.DAY_FIRST)
        )
        if day and not month:
            return DateOrder.DAY_FIRST
    return None


def _kind(connection: duckdb.DuckDBPyConnection, name: str, order: DateOrder | None) -> Kind:
    """The kind that all values of a column have; text, where there is none."""
    column = quoted(name)
    truth = f"lower(trim({column})) in ('true', 'false', 't', 'f', 'yes', 'no', 'y', 'n')"
    number = _NO_CODE.format(column)
    # Money has four decimals; more would be lost.
    short = f"not regexp_matches({column}, '\\.[0-9]{{5,}}')"
    tests = {
        # Midnight is a time, too.
        Kind.DATE: f"case when {column} not like '%:%' then {typed(name, Kind.DATE, order)} end",
        Kind.TIMESTAMP: typed(name, Kind.TIMESTAMP, order),
        Kind.BOOLEAN: f"case when {truth} then 1 end",
        Kind.INTEGER: f"case when {number} then {typed(name, Kind.INTEGER)} end",
        Kind.MONEY: f"case when {number} and {short} and regexp_matches(trim({column}), {DECIMAL})"
        f" then {typed(name, Kind.MONEY)} end",
    }
    return next((k for k, test in tests.items() if _fits(connection, name, test)), Kind.TEXT)


def _fits(connection: duckdb.DuckDBPyConnection, name: str, test: str) -> bool:
    """Whether a test is not null for all values, of which there are some."""
    ((values, fitting),) = connection.execute(
        f"select count(*), count({test}) from shape where trim({quoted(name)}) <> ''"
    ).fetchall()
    return bool(values) and values == fitting


def _known_identifiers(project: Path, names: Sequence[str]) -> dict[str, str]:
    aliases = {
        (spec.source, spec.table, column.name): column.aliases
        for source in SOURCES
        for spec in source.tables
        for column in spec.columns
    }
    found: dict[str, set[str]] = {id_type: {id_type} for id_type in read_id_types(project)}
    for declared in read_identifiers(project):
        if declared.id_type:
            found.setdefault(declared.column, set()).add(declared.id_type)
            for alias in aliases.get((declared.source, declared.table, declared.column), ()):
                found.setdefault(alias, set()).add(declared.id_type)
    known = {name: types.pop() for name, types in found.items() if len(types) == 1}
    for kind in _PERSONAL_VALUES:
        # Two in a row may be two people's, such as a customer's and an agent's.
        meant = [name for name in names if personal_kind(name) is kind or known.get(name) == kind]
        if len(meant) == 1:
            known[meant[0]] = str(kind)
    return known
