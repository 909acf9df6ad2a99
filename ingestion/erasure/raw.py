"""Erases a person from the raw tables."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import duckdb
import pyarrow as pa

from onecdp.identity.normalise import lower
from onecdp.warehouse.sql_text import literal, quoted

from ..declaration import TableSpec
from ..raw_tables import FILE_OF, ROW_HASH, undeclared_columns
from .filtering import hide_quarantined
from .matching import find_matches, pair, set_null
from .tombstones import (
    SCHEMA,
    TABLE,
    hashes_of,
    is_unmistakable,
    make_key,
    read_key,
    read_tombstones,
)

Pairs = Sequence[tuple[str, str]]
"""Identifiers: type and normalised value."""


@dataclass(frozen=True)
class RawRemoval:
    """What happens to a raw table: `what` is done to how many `rows`, which came from `files`."""

    table: str
    what: str
    rows: int
    files: tuple[str, ...] = ()


def is_erased(
    connection: duckdb.DuckDBPyConnection, folder: Path, id_type: str, id_value: str
) -> bool:
    """Whether a normalised identifier was erased.

    Raises:
        KeyProblem: There are tombstones of another key.
    """
    (database,) = connection.execute("select current_database()").fetchall()[0]
    tombstones = read_tombstones(connection, database, folder)
    return tombstones is not None and tombstones.holds(id_type, id_value)


def erase_raw(
    connection: duckdb.DuckDBPyConnection,
    specs: Sequence[TableSpec],
    identifiers: Pairs,
) -> list[RawRemoval]:
    """Erases the identifiers from every raw table.

    Everything is done on the connection and none of it committed.

    Args:
        connection: The private file, to be written.
        specs: The tables of the sources.
        identifiers: All those of one person.
    """
    schema = pa.schema([("id_type", pa.string()), ("id_value", pa.string())])
    pairs = {*identifiers, *_as_other_types(connection, specs, identifiers)}
    rows = [{"id_type": id_type, "id_value": value} for id_type, value in sorted(pairs)]
    connection.register("erased_now", pa.Table.from_pylist(rows, schema=schema))
    values = {value for _, value in identifiers}
    removed: list[RawRemoval] = []
    for dataset in dict.fromkeys(spec.dataset for spec in specs):
        tables = _tables(connection, dataset)
        for spec in specs:
            if spec.dataset == dataset and spec.table in tables:
                removed += _erase_table(connection, spec)
        if "asked" in tables:
            table = f"{dataset}.asked"
            asked = connection.execute(
                f"delete from {table} where (id_type, id_value) in (from erased_now)"
            ).fetchall()
            removed.append(RawRemoval(table, "deleted", asked[0][0]))
        if "plain_identifiers" in tables:
            table = f"{dataset}.plain_identifiers"
            deleted = connection.execute(
                f"delete from {table} where (id_type, id_value) in (from erased_now)"
            ).fetchall()
            removed.append(RawRemoval(table, "deleted", deleted[0][0]))
        if "quarantine" in tables:
            table = f"{dataset}.quarantine"
            hidden = hide_quarantined(connection, table, values.__contains__)
            removed.append(RawRemoval(table, "payload emptied", hidden))
        if "warnings" in tables:
            table = f"{dataset}.warnings"
            standing = " union all ".join(
                f"select _file, _line from {dataset}.{quoted(spec.table)}"
                for spec in specs
                if spec.dataset == dataset and spec.table in tables
            )
            # Of the person's rows, and of rows that a later one replaced: whose they were is not
            # told any more.
            deleted = connection.execute(
                f"delete from {table} where (file, line) not in "
                f"(select (_file, _line) from ({standing}) where _file is not null)"
            ).fetchall()
            removed.append(RawRemoval(table, "deleted", deleted[0][0]))
            hidden = hide_quarantined(connection, table, values.__contains__, "value")
            removed.append(RawRemoval(table, "value emptied", hidden))
        # What a load that was killed left there is read from its file again.
        for table in _tables(connection, f"{dataset}_staging"):
            if not table.startswith("_dlt"):
                connection.execute(f"delete from {dataset}_staging.{quoted(table)}")
    connection.unregister("erased_now")
    return [removal for removal in removed if removal.rows]


def _as_other_types(
    connection: duckdb.DuckDBPyConnection, specs: Sequence[TableSpec], identifiers: Pairs
) -> Iterator[tuple[str, str]]:
    """The hashes and UUIDs among the identifiers as they stand under other types, as mistakes."""
    values = {value for _, value in identifiers if is_unmistakable(value)}
    values |= {lower(value) for value in values}
    for spec in specs if values else ():
        if spec.table not in _tables(connection, spec.dataset):
            continue
        table = f"{spec.dataset}.{quoted(spec.table)}"
        held = [str(row[0]) for row in connection.execute(f"describe {table}").fetchall()]
        for identifier in spec.limited_to(held).identifiers:
            id_type, id_value = pair(identifier)
            found = connection.execute(
                f"select distinct {id_type}, {id_value} from {table} "
                f"where list_contains($1, {id_value})",
                [sorted(values)],
            )
            yield from ((kind or "", value) for kind, value in found.fetchall())


def _erase_table(connection: duckdb.DuckDBPyConnection, spec: TableSpec) -> Iterable[RawRemoval]:
    table = f"{spec.dataset}.{quoted(spec.table)}"
    held = [str(row[0]) for row in connection.execute(f"describe {table}").fetchall()]
    extras = undeclared_columns(connection, spec, table)
    spec = spec.limited_to(held)
    matches = find_matches(connection, spec, table, "rowid", "erased_now")
    gone, anonymous, others = matches.deleted, matches.anonymised, f"{matches.cells} anti join "
    others += f"{gone} using (_row) anti join {anonymous} using (_row)"
    for rows, what in (
        (gone, "deleted"),
        (anonymous, "without identifiers"),
        (others, "of others, emptied"),
    ):
        found = connection.execute(
            f"select {FILE_OF.format('_file')}, count(*) from {table} "
            f"where rowid in (select _row from {rows}) group by all order by all"
        ).fetchall()
        files = tuple(f"{spec.source}/{name}" for name, _ in found)
        name = f"{spec.dataset}.{spec.table}"
        yield RawRemoval(name, what, sum(count for _, count in found), files)
    set_null(connection, spec, table, "rowid", extras, matches)
    if ROW_HASH in held:
        connection.execute(
            f"update {table} set {ROW_HASH} = null "
            f"where rowid in (select _row from {matches.cells} anti join {gone} using (_row))"
        )
    connection.execute(f"delete from {table} where rowid in (select _row from {gone})")


def set_tombstones(connection: duckdb.DuckDBPyConnection, folder: Path, identifiers: Pairs) -> None:
    """Remembers identifiers as erased; the first ones make the key. Commits nothing.

    Raises:
        KeyProblem: There are tombstones of another key.
    """
    connection.execute(f"create schema if not exists {SCHEMA}")
    connection.execute(f"create table if not exists {TABLE} (hmac varchar, erased_at timestamptz)")
    (database,) = connection.execute("select current_database()").fetchall()[0]
    stood = read_tombstones(connection, database, folder)
    key = stood.key if stood else read_key(folder) or make_key(folder)
    connection.execute(
        f"""insert into {TABLE}
        select hmac, $2::timestamptz from (select unnest($1::varchar[]) as hmac)
        where hmac not in (select hmac from {TABLE})""",
        [hashes_of(key, identifiers), dt.datetime.now(dt.UTC)],
    )


def _tables(connection: duckdb.DuckDBPyConnection, schema: str) -> set[str]:
    found = connection.execute(
        "select table_name from duckdb_tables() "
        f"where database_name = current_database() and schema_name = {literal(schema)}"
    )
    return {str(name) for (name,) in found.fetchall()}
